#include "service_manager.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

enum { KEEP_ENVIRONMENT = 0, US_PER_MS = 1000 };

uint64_t service_manager_watchdog_ms(void)
{
    uint64_t watchdog_us = 0;
    return sd_watchdog_enabled(KEEP_ENVIRONMENT, &watchdog_us) > 0 ? watchdog_us / US_PER_MS : 0;
}

void service_manager_say_ready(const char *listen)
{
    (void)sd_notifyf(KEEP_ENVIRONMENT, "READY=1\nSTATUS=listening on %s", listen);
}

void service_manager_say_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(KEEP_ENVIRONMENT,
                     "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reading tokens and certificates again",
                     (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void service_manager_say_stopping(uint64_t timeout_ms)
{
    (void)sd_notifyf(KEEP_ENVIRONMENT,
                     "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=letting running streams end",
                     timeout_ms * US_PER_MS);
}

void service_manager_say_alive(void)
{
    (void)sd_notify(KEEP_ENVIRONMENT, "WATCHDOG=1");
}
