/* The picture of the status view (driver/report/status_frame.c), and the QR code in it. */
#include "report/status_model.h"

#include "terminal/shown_text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct screen_look WIDE = {.columns = 80, .rows = 24, .is_utf8 = true};

/* Online, one tunnel, nobody has come; the clock's zone is UTC. */
static struct status_model *model;

static int set_up(void **state)
{
    (void)state;
    model = calloc(1, sizeof *model);
    assert_non_null(model);
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    setenv("TZ", "UTC0", 1);
    *model = (struct status_model){
        .session = STATUS_ONLINE,
        .session_id = "S-11111111-2222-4333-8444-555555555555",
        .since = 3600,
        .daemon = "127.0.0.1:7080",
        .round_trip_us = 12345,
        .connections = 1,
        .connections_wanted = 1,
        .tunnels = {{.place = STATUS_SERVING, .url = "https://box.example.com", .target = "127.0.0.1:3000"}},
        .tunnel_count = 1,
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(model);
    return 0;
}

static struct status_request *add(const char *method, const char *path, unsigned status)
{
    struct status_request *request = status_model_add(model);
    request->number = model->request_count;
    request->at = 45296; /* 12:34:56 */
    request->is_over = status != 0;
    request->status = status;
    request->duration_us = 12300;
    request->bytes = 2048;
    snprintf(request->method, sizeof request->method, "%s", method);
    snprintf(request->path, sizeof request->path, "%s", path);
    return request;
}

/* The caller frees it. */
static char *print(struct screen_look look)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    status_frame_print(model, &look, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect(struct screen_look look, const char *picture)
{
    char *text = print(look);
    assert_string_equal(text, picture);
    free(text);
}

static void expect_within(struct screen_look look, const char *part)
{
    char *text = print(look);
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
    free(text);
}

static void who_waits_for_visitors_is_told_so(void **state)
{
    (void)state;
    expect(WIDE, "hoody-tunnel                                                      Ctrl-C ends it\n"
                 "\n"
                 "Session     online since 01:00:00  S-11111111-2222-4333-8444-555555555555\n"
                 "Daemon      127.0.0.1:7080  round trip 12 ms\n"
                 "Forwarding  https://box.example.com \u2192 127.0.0.1:3000\n"
                 "Visitors    0 now, 0 in all  0 B in, 0 B out\n"
                 "\n"
                 "TIME      METHOD  PATH                                 CODE      TOOK       SENT\n"
                 "nobody has come yet\n");
}

static void the_inspection_page_stands_below_the_tunnels(void **state)
{
    (void)state;
    strcpy(model->inspection, "http://127.0.0.1:4040");
    expect_within(WIDE, "Forwarding  https://box.example.com \u2192 127.0.0.1:3000\n"
                        "Inspection  http://127.0.0.1:4040\n"
                        "Visitors    0 now, 0 in all  0 B in, 0 B out\n");
}

static void the_latest_request_comes_first(void **state)
{
    (void)state;
    add("GET", "/first", 200);
    add("OPTIONS", "/second", 204);
    add("GET", "/third", 0);
    struct status_request *failed = add("POST", "/fourth", 502);
    failed->end = EXCHANGE_FAILED;
    strcpy(failed->why, "it is down");
    expect_within(WIDE, "12:34:56  POST    /fourth  it is down                   502     12 ms    2.0 KiB\n"
                        "12:34:56  GET     /third                                ...              2.0 KiB\n"
                        "12:34:56  OPTIONS /second                               204     12 ms    2.0 KiB\n"
                        "12:34:56  GET     /first                                200     12 ms    2.0 KiB\n");
}

static void a_raw_connection_has_an_outcome_for_its_status(void **state)
{
    (void)state;
    add("tcp", "192.0.2.1:5", 0)->is_raw = true;
    struct status_request *request = add("tcp", "192.0.2.2:5", 0);
    request->is_raw = request->is_over = true;
    request->end = EXCHANGE_LEFT;
    expect_within(WIDE, "12:34:56  tcp     192.0.2.2:5                          left     12 ms    2.0 KiB\n"
                        "12:34:56  tcp     192.0.2.1:5                          open              2.0 KiB\n");
}

static void what_others_say_is_escaped_and_cut(void **state)
{
    (void)state;
    add("GET", "/\033[2Jx", 200);
    add("GET", "/\u202Egpj", 200);
    add("GET",
        "/\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B"
        "\u732B",
        200);
    expect_within(WIDE, " /\\x1b[2Jx                         "); /* in 35 columns */
    expect_within(WIDE, " /\\xe2\\x80\\xaegpj ");
    expect_within(
        WIDE,
        " /\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u732B\u2026   ");
    expect_within((struct screen_look){.columns = 80, .rows = 24},
                  "12:34:56  GET     /\\xe7\\x8c\\xab\\xe7\\x8c\\xab\\xe7...      200 ");
}

static void a_loss_is_told_with_its_reason(void **state)
{
    (void)state;
    model->session = STATUS_AWAY;
    strcpy(model->trouble, "the daemon does not answer any more; next try in 2.5 s");
    model->tunnels[0].place = STATUS_WAITING;
    expect_within(WIDE, "Session     reconnecting since 01:00:00\n"
                        "Daemon      127.0.0.1:7080\n");
    expect_within(WIDE, "\nTrouble     the daemon does not answer any more; next try in 2.5 s\n");
}

static void notes_stand_below_the_tunnels(void **state)
{
    (void)state;
    model->note_count = 2;
    strcpy(model->notes[0], "first");
    strcpy(model->notes[1], "second");
    expect_within(WIDE, "0 B out\n"
                        "Note        first\n"
                        "            second\n"
                        "\n");
}

static void several_connections_and_tunnels_are_counted(void **state)
{
    (void)state;
    model->connections = 3;
    model->connections_wanted = 4;
    expect_within(WIDE, "round trip 12 ms  3 of 4 connections\n");
    for (; model->tunnel_count < 20; model->tunnel_count++)
        model->tunnels[model->tunnel_count] = model->tunnels[0];
    strcpy(model->tunnels[1].name, "web");
    model->tunnels[2].place = STATUS_REFUSED;
    model->tunnels[3].place = STATUS_OVER;
    model->tunnels[4].is_target_down = true;
    strcpy(model->tunnels[4].why, "refused the connection");
    expect_within(WIDE, "            https://box.example.com \u2192 127.0.0.1:3000  web\n"
                        "            its port is refused for now \u2192 127.0.0.1:3000\n"
                        "            over \u2192 127.0.0.1:3000\n"
                        "            https://box.example.com \u2192 127.0.0.1:3000  refused the connection\n");
    expect_within(WIDE, "            ... and 5 more\n");
    expect_within(WIDE, "\nVisitors ");
}

static void colours_follow_the_class_of_the_status(void **state)
{
    (void)state;
    struct screen_look look = WIDE;
    look.is_adorned = true;
    add("GET", "/", 200);
    add("GET", "/", 302);
    add("GET", "/", 404);
    add("GET", "/", 500);
    add("GET", "/", 101);
    expect_within(look, "\033[32m200\033[0m");
    expect_within(look, "\033[36m302\033[0m");
    expect_within(look, "\033[33m404\033[0m");
    expect_within(look, "\033[31m500\033[0m");
    expect_within(look, "\033[34m101\033[0m");
    char *plain = print(WIDE);
    assert_null(strchr(plain, '\033'));
    free(plain);
}

/* Columns of the text without its escape sequences, which are colours only. */
static size_t width_of(const char *line, size_t length, bool is_utf8)
{
    char visible[4096];
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\033')
            i += strcspn(line + i, "m");
        else if (line[i] == '\\') /* escaped once already */
            visible[used++] = '?';
        else
            visible[used++] = line[i];
    }
    return shown_text_columns(span_of(visible, used), is_utf8);
}

static void expect_fits(struct screen_look look)
{
    char *text = print(look);
    size_t rows = 0;
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        size_t width = width_of(line, length, true);
        if (width > look.columns)
            fail_msg("%zu columns in %zu: %.*s", width, look.columns, (int)length, line);
        rows++;
        line += length + (line[length] == '\n');
    }
    if (rows > look.rows)
        fail_msg("%zu rows in %zu:\n%s", rows, look.rows, text);
    free(text);
}

static void it_fits_every_terminal(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++)
        add(i % 3 == 0 ? "PROPPATCH" : "GET",
            i % 2 == 0 ? "/a/path/that/is/rather/long?and=so&on=and/so/on" : "/\u732B", 200);
    add("GET", "/", 0);
    add("tcp", "192.0.2.1:5", 0)->is_raw = true;
    strcpy(model->trouble, "something went wrong, and it takes many words to say what it was, more than fit");
    assert_true(qr_code_make(model->tunnels[0].url, &model->qr));
    for (unsigned variant = 0; variant < 8; variant++)
        for (size_t columns = 1; columns < 120; columns++)
            for (size_t rows = 1; rows < 60; rows += 3) {
                model->draws_qr = (variant & 1) != 0;
                model->tunnel_count = (variant & 1) != 0 ? 12 : 1;
                expect_fits((struct screen_look){
                    .columns = columns, .rows = rows, .is_adorned = (variant & 2) != 0, .is_utf8 = (variant & 4) != 0});
            }
}

static void the_ring_forgets_the_oldest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STATUS_REQUESTS_MAX + 10; i++)
        add("GET", "/", 200);
    assert_int_equal(status_model_request(model, 0)->number, STATUS_REQUESTS_MAX + 10);
    assert_int_equal(status_model_request(model, STATUS_REQUESTS_MAX - 1)->number, 11);
    assert_null(status_model_request(model, STATUS_REQUESTS_MAX));
    assert_null(status_model_find(model, 10));
    assert_int_equal(status_model_find(model, 11)->number, 11);
}

/* ---- the QR code ---- */

static void a_code_has_its_quiet_zone(void **state)
{
    (void)state;
    struct qr_code code;
    assert_true(qr_code_make("https://box.example.com", &code));
    assert_int_equal(code.modules, 25);
    assert_int_equal(qr_code_columns(&code), 33);
    assert_int_equal(qr_code_rows(&code), 17);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    qr_code_print_row(&code, 0, true, out);
    fputc('\n', out);
    qr_code_print_row(&code, 2, true, out);
    fputc('\n', out);
    qr_code_print_row(&code, 2, false, out);
    assert_int_equal(fclose(out), 0);
    /* The first row is quiet, the third holds the finders' upper edges: seven dark above, two and a light above dark.
     */
    char *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
    assert_memory_equal(text, "\033[38;5;16;48;5;231m                                 \033[0m\n", 56 - 1);
    assert_memory_equal(second, "\033[38;5;16;48;5;231m    \u2588\u2580\u2580\u2580\u2580\u2580\u2588 ",
                        19 + 4 + 21 + 1);
    assert_memory_equal(third, "\u2588\u2588\u2588\u2588 \u2584\u2584\u2584\u2584\u2584 \u2588", 12 + 1 + 15 + 1 + 3);
    free(text);
}

static void a_code_is_beside_or_below_or_missed(void **state)
{
    (void)state;
    model->draws_qr = true;
    assert_true(qr_code_make(model->tunnels[0].url, &model->qr));
    expect_within((struct screen_look){.columns = 90, .rows = 24, .is_utf8 = true},
                  "Session     online since 01:00:00  S-11111111            \u2588\u2588\u2588\u2588 "
                  "\u2584\u2584\u2584\u2584\u2584 ");
    expect_within((struct screen_look){.columns = 60, .rows = 40, .is_utf8 = true},
                  "\n\u2588\u2588\u2588\u2588 \u2584\u2584\u2584\u2584\u2584 ");
    expect_within((struct screen_look){.columns = 60, .rows = 20, .is_utf8 = true},
                  "\nthe QR code needs 33 columns and 17 rows more than there are\n");
}

static void a_text_that_is_too_long_has_no_code(void **state)
{
    (void)state;
    struct qr_code code;
    char *text = calloc(1, 5000);
    assert_non_null(text);
    memset(text, 'x', 4999);
    assert_false(qr_code_make(text, &code));
    free(text);
}

#define FRAME_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRAME_TEST(who_waits_for_visitors_is_told_so),
        FRAME_TEST(the_inspection_page_stands_below_the_tunnels),
        FRAME_TEST(the_latest_request_comes_first),
        FRAME_TEST(a_raw_connection_has_an_outcome_for_its_status),
        FRAME_TEST(what_others_say_is_escaped_and_cut),
        FRAME_TEST(a_loss_is_told_with_its_reason),
        FRAME_TEST(notes_stand_below_the_tunnels),
        FRAME_TEST(several_connections_and_tunnels_are_counted),
        FRAME_TEST(colours_follow_the_class_of_the_status),
        FRAME_TEST(it_fits_every_terminal),
        FRAME_TEST(the_ring_forgets_the_oldest),
        FRAME_TEST(a_code_has_its_quiet_zone),
        FRAME_TEST(a_code_is_beside_or_below_or_missed),
        FRAME_TEST(a_text_that_is_too_long_has_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
