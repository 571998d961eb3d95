/* One visitor's request, answered by the local service (protocol section 6, EXPOSE): request head and body to the
 * service, its heads and body back to the kit as they come. */
#ifndef HOODY_DRIVER_EXCHANGE_H
#define HOODY_DRIVER_EXCHANGE_H

#include "local_service.h"
#include "stream.h"

/* Takes what `open` owns, which ends up empty, and the stream's handler place. `service` must outlive it. Ends by
 * itself: with the answer's end, with a RESET of either side, or handed over to a relay after a 101. */
void exchange_start(struct loop *loop, struct stream *stream, struct local_service *service, struct stream_open *open);

#endif
