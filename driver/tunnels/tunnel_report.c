#include "tunnel_report.h"

#include <stdarg.h>
#include <stdio.h>

void report_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("hoody-tunnel: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* ---- the session ---- */

void report_established(const struct tunnel_set *set, const struct session_id *id, bool is_resumed,
                        uint32_t connections_granted)
{
    uint32_t asked = set->options->connections;
    bool is_new = set->was_established && !is_resumed;
    report_note("connected%s to %s, %ssession %s%s", set->was_established ? " again" : "", set->daemon.name,
                is_new ? "a new " : "", id->text, is_resumed ? " is resumed" : "");
    if (connections_granted < asked)
        report_note("the daemon grants %u of the %u connections that were asked for", (unsigned)connections_granted,
                    (unsigned)asked);
}

void report_sockets(uint32_t attached, uint32_t granted, const char *why)
{
    if (attached == granted)
        report_note("all %u connections to the daemon stand", (unsigned)granted);
    else
        report_note("%u of %u connections to the daemon are left, a new one will follow: %s", (unsigned)attached,
                    (unsigned)granted, why);
}

void report_interrupted(const char *why)
{
    report_note("%s; trying again until it works", why);
}

void report_ended(const char *text)
{
    report_note("%s", text);
}

/* ---- each tunnel ---- */

void report_target_down(const struct tunnel *tunnel, int error)
{
    report_note("the target %s %s: is the service running?", tunnel->target.name, dial_error_text(error));
}

void report_bound(const struct tunnel *tunnel, uint16_t before)
{
    unsigned port = tunnel->port;
    if (before == 0)
        report_note("port %u of the container leads to %s; Ctrl-C ends it", port, tunnel->target.name);
    else if (before == tunnel->port)
        report_note("port %u of the container leads to %s again", port, tunnel->target.name);
    else
        report_note("port %u is not ours any more: now port %u of the container leads to %s", (unsigned)before, port,
                    tunnel->target.name);
}

void report_url(const struct tunnel *tunnel)
{
    printf("%s\n", tunnel->url);
    fflush(stdout);
}

void report_kept(const struct tunnel *tunnel)
{
    report_note("port %u of the container leads to %s again", (unsigned)tunnel->port, tunnel->target.name);
}
