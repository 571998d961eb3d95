/* How every command ends. */
#ifndef HOODY_DRIVER_EXIT_STATUS_H
#define HOODY_DRIVER_EXIT_STATUS_H

enum exit_status {
    EXIT_ENDED = 0, /* as asked: done, or ended by a signal */
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3, /* the daemon */
};

#endif
