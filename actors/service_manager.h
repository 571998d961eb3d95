/* What the service manager that started us (systemd, or any that speaks its notification protocol, sd_notify(3)) is
 * told of the daemon's life. Without $NOTIFY_SOCKET all of it is nothing. Nothing waits: what the manager's socket does
 * not take is lost, as a missed heartbeat is. */
#ifndef HOODY_ACTORS_SERVICE_MANAGER_H
#define HOODY_ACTORS_SERVICE_MANAGER_H

#include <stdint.h>

/* Within how many milliseconds each sign of life is expected ($WATCHDOG_USEC); 0: none is. */
uint64_t service_manager_watchdog_ms(void);

/* Up, or done with a reload. `listen`: the base listener's address, for people. */
void service_manager_say_ready(const char *listen);
void service_manager_say_reloading(void);
/* The drain has begun and may take so long, whatever the manager's own patience is. */
void service_manager_say_stopping(uint64_t timeout_ms);
void service_manager_say_alive(void);

#endif
