#include "admin_http/api_description.h"

static const uint8_t openapi_json[] = {
#include "openapi_bytes.inc" /* made by the build */
};

struct span api_description(void)
{
    return span_of(openapi_json, sizeof openapi_json);
}
