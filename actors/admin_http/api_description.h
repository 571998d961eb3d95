/* The OpenAPI 3.1 description of the base listener: openapi.json beside this file, with the project's version filled
 * in. */
#ifndef HOODY_ACTORS_API_DESCRIPTION_H
#define HOODY_ACTORS_API_DESCRIPTION_H

#include "span.h"

/* JSON text; static. */
struct span api_description(void);

#endif
