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

/* How many there are decides how much is said of each. */
static bool is_alone(const struct tunnel *tunnel)
{
    return tunnel->set->count == 1;
}

void report_bound(const struct tunnel *tunnel, uint16_t before)
{
    unsigned port = tunnel->port;
    if (before == 0)
        report_note("port %u of the container leads to %s%s", port, tunnel->target.name,
                    is_alone(tunnel) ? "; Ctrl-C ends it" : "");
    else if (before != tunnel->port)
        report_note("port %u is not ours any more: now port %u of the container leads to %s", (unsigned)before, port,
                    tunnel->target.name);
    else if (is_alone(tunnel) || tunnel->reason[0] != '\0')
        report_note("port %u of the container leads to %s again", port, tunnel->target.name);
}

void report_url(const struct tunnel *tunnel)
{
    if (tunnel->plan->name != NULL)
        printf("%s %s\n", tunnel->url, tunnel->plan->name);
    else
        printf("%s\n", tunnel->url);
    fflush(stdout);
}

void report_kept(const struct tunnel *tunnel)
{
    if (is_alone(tunnel))
        report_note("port %u of the container leads to %s again", (unsigned)tunnel->port, tunnel->target.name);
}

void report_refused(const struct tunnel *tunnel, const char *why)
{
    (void)tunnel;
    report_note("%s; trying again until it works", why);
}

void report_given_up(const struct tunnel *tunnel, const char *why, size_t left)
{
    report_note("%s; %s is not served any more, the other %zu tunnel%s go%s on", why, tunnel->target.name, left,
                left == 1 ? "" : "s", left == 1 ? "es" : "");
}

void report_failed(const struct tunnel *tunnel, const char *why)
{
    report_note("%s\nThe tunnel to %s can't be opened, so the others are not either", why, tunnel->target.name);
}

void report_settled(size_t open, size_t total, bool is_again)
{
    if (total == 1 && open == 1)
        report_note("the tunnel is open again");
    else if (open < total)
        report_note("%zu of %zu tunnels are open%s", open, total, is_again ? " again" : "");
    else
        report_note("all %zu tunnels are open%s", total, is_again ? " again" : "; Ctrl-C ends them");
}
