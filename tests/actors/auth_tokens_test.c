/* Bearer tokens: what a file of them may hold, who is let in, and what a reload changes (protocol section 3). */
#include "session_manager/auth_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"
#include "session_manager.h"
#include "session_script.h"

/* ---- the text ---------------------------------------------------------------------------------------------------- */

static struct auth_tokens parse(const char *text)
{
    struct auth_tokens tokens;
    char why[AUTH_TOKENS_WHY_MAX];
    assert_true(auth_tokens_parse(span_of_string(text), &tokens, why));
    return tokens;
}

static void it_has_one_token_a_line(void **state)
{
    (void)state;
    struct auth_tokens tokens = parse("one\ntwo\nthree");
    assert_int_equal(tokens.count, 3);
    assert_true(auth_tokens_have(&tokens, "one"));
    assert_true(auth_tokens_have(&tokens, "two"));
    assert_true(auth_tokens_have(&tokens, "three"));
    const char *const others[] = {"", "on", "one ", "onee", "ONE", "one\ntwo", "four"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(auth_tokens_have(&tokens, others[i]));
    auth_tokens_done(&tokens);
    assert_false(auth_tokens_have(&tokens, "one"));
    auth_tokens_done(&tokens);
}

static void blank_lines_and_comments_do_not_count(void **state)
{
    (void)state;
    struct auth_tokens tokens = parse("# laptops\n\n \t\n  # another\n\tone \r\n\r\ntwo#2\n#three\n");
    assert_int_equal(tokens.count, 2);
    assert_true(auth_tokens_have(&tokens, "one"));
    assert_true(auth_tokens_have(&tokens, "two#2"));
    assert_false(auth_tokens_have(&tokens, ""));
    assert_false(auth_tokens_have(&tokens, "#three"));
    auth_tokens_done(&tokens);
}

static void a_file_without_a_token_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"", "\n", " \n\t\n", "# none", "# none\n\n#\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct auth_tokens tokens = {.count = 7};
        char why[AUTH_TOKENS_WHY_MAX];
        assert_false(auth_tokens_parse(span_of_string(texts[i]), &tokens, why));
        assert_non_null(strstr(why, "no token"));
        assert_int_equal(tokens.count, 7); /* untouched */
    }
}

static void more_tokens_than_the_limit_are_refused(void **state)
{
    (void)state;
    char text[3 * (AUTH_TOKENS_MAX + 1) + 1];
    for (size_t i = 0; i <= AUTH_TOKENS_MAX; i++)
        memcpy(text + 3 * i, "ab\n", 4);
    struct auth_tokens tokens;
    char why[AUTH_TOKENS_WHY_MAX];
    assert_false(auth_tokens_parse(span_of_string(text), &tokens, why));
    assert_non_null(strstr(why, "4096"));
    text[3 * AUTH_TOKENS_MAX] = '\0';
    assert_true(auth_tokens_parse(span_of_string(text), &tokens, why));
    auth_tokens_done(&tokens);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* play_setup, and a file whose name is the option's. */
static int file_setup(void **state)
{
    play_setup(state);
    struct play *play = *state;
    char path[] = "/tmp/hoody-tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    free(play->options.auth_token_file);
    assert_non_null(play->options.auth_token_file = strdup(path));
    return 0;
}

static int file_teardown(void **state)
{
    struct play *play = *state;
    unlink(play->options.auth_token_file);
    return play_teardown(state);
}

static void write_tokens(void **state, const char *text, mode_t mode)
{
    struct play *play = *state;
    FILE *file = fopen(play->options.auth_token_file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(play->options.auth_token_file, mode), 0);
}

static void a_file_that_others_may_read_is_told_apart(void **state)
{
    struct play *play = *state;
    const struct {
        mode_t mode;
        bool is_exposed;
    } modes[] = {{0600, false}, {0640, false}, {0400, false}, {0644, true}, {0604, true}, {0602, true}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        write_tokens(state, "one\n", 0600);
        assert_int_equal(chmod(play->options.auth_token_file, modes[i].mode), 0);
        struct auth_tokens tokens;
        bool is_exposed = !modes[i].is_exposed;
        char why[AUTH_TOKENS_WHY_MAX];
        assert_true(auth_tokens_read(play->options.auth_token_file, &tokens, &is_exposed, why));
        assert_int_equal(is_exposed, modes[i].is_exposed);
        auth_tokens_done(&tokens);
        assert_int_equal(chmod(play->options.auth_token_file, 0600), 0);
    }
}

static void assert_unreadable(const char *path, const char *expected)
{
    struct auth_tokens tokens;
    bool is_exposed;
    char why[AUTH_TOKENS_WHY_MAX];
    assert_false(auth_tokens_read(path, &tokens, &is_exposed, why));
    assert_non_null(strstr(why, expected));
}

static void what_is_no_readable_file_is_refused(void **state)
{
    struct play *play = *state;
    char *path = play->options.auth_token_file;
    assert_unreadable("/nonexistent/tokens", "No such file");
    assert_unreadable("/tmp", "not a regular file");
    assert_unreadable(path, "no token"); /* empty */
    assert_int_equal(truncate(path, AUTH_TOKEN_FILE_MAX + 1), 0);
    assert_unreadable(path, "larger than 1 MiB");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_unreadable(path, "not a regular file"); /* and nobody waits for a writer */
}

/* ---- who is let in -------------------------------------------------------------------------------------------------
 */

static void say_bearers(struct stage *stage, const char *hello_token, const char *upgrade_token)
{
    char hello[256] = HELLO_V1;
    if (hello_token != NULL)
        snprintf(hello, sizeof hello,
                 "{\"version\":\"hoody-tunnel.v1\",\"auth\":{\"kind\":\"bearer\",\"token\":\"%s\"}}", hello_token);
    static uint64_t connection = 100;
    stage_say(stage, MESSAGE_OF(open_session, .connection = {++connection}, .peer = "127.0.0.1:5000", .subprotocol = 1,
                                .bearer = upgrade_token, .hello = span_of_string(hello)));
}

static void hear_let_in(struct stage *stage)
{
    stage_hear(stage, MESSAGE_session_opened);
    stage_silent(stage);
}

static void hear_turned_away(struct stage *stage)
{
    const struct message_session_refused *refused = &stage_hear(stage, MESSAGE_session_refused)->session_refused;
    assert_true(refused->sends_goaway);
    assert_int_equal(refused->goaway_code, 11);
    assert_string_equal(refused->goaway_message, "authentication failed");
    assert_int_equal(refused->close_code, 3000);
    stage_silent(stage);
}

static void without_the_flag_auth_is_ignored(void **state)
{
    struct stage *stage = play_raise(state);
    say_bearers(stage, "anything", NULL);
    hear_let_in(stage);
    say_bearers(stage, NULL, "anything");
    hear_let_in(stage);
    say_bearers(stage, NULL, NULL);
    hear_let_in(stage);
}

static void a_token_of_the_file_in_either_place_lets_in(void **state)
{
    write_tokens(state, "one\ntwo\n", 0600);
    struct stage *stage = play_raise(state);
    say_bearers(stage, "one", NULL);
    hear_let_in(stage);
    say_bearers(stage, NULL, "two");
    hear_let_in(stage);
    say_bearers(stage, "wrong", "two");
    hear_let_in(stage);
    say_bearers(stage, "one", "wrong");
    hear_let_in(stage);
}

static void without_a_token_of_the_file_nobody_is_let_in(void **state)
{
    write_tokens(state, "one\n#two\n", 0600);
    struct stage *stage = play_raise(state);
    say_bearers(stage, NULL, NULL);
    hear_turned_away(stage);
    say_bearers(stage, "", "");
    hear_turned_away(stage);
    say_bearers(stage, "two", "#two");
    hear_turned_away(stage);
    say_hello(stage, 7, 1, "{\"version\":\"hoody-tunnel.v1\",\"auth\":{\"kind\":\"basic\",\"token\":\"one\"}}");
    hear_turned_away(stage);
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 1));
    struct span samples = stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported.samples;
    assert_true(sample_value(samples, METRIC_sessions_refused_total, "reason=\"auth_failed\"") == 4);
}

static void a_session_id_alone_resumes_nothing(void **state)
{
    write_tokens(state, "one\n", 0600);
    struct stage *stage = play_raise(state);
    say_bearers(stage, "one", NULL);
    struct session_id session = stage_hear(stage, MESSAGE_session_opened)->session_opened.session;
    char hello[256];
    snprintf(hello, sizeof hello, "{\"version\":\"hoody-tunnel.v1\",\"resume\":{\"sessionId\":\"%s\"}}", session.text);
    say_hello(stage, 8, 1, hello);
    hear_turned_away(stage);
    assert_int_equal(count_listed(stage), 1);
}

/* ---- start and reload -----------------------------------------------------------------------------------------------
 */

static void it_does_not_start_without_a_token(void **state)
{
    struct play *play = *state;
    const struct log quiet = {.fd = -1, .level = LOG_LEVEL_ERROR, .format = LOG_FORMAT_TEXT};
    struct mailbox *mailbox = mailbox_new(ACTOR_session_manager, 0, &quiet);
    assert_non_null(mailbox);
    assert_null(session_manager_actor.new(&play->options, mailbox, &quiet)); /* empty */
    unlink(play->options.auth_token_file);
    assert_null(session_manager_actor.new(&play->options, mailbox, &quiet));
    write_tokens(state, "one\n", 0600);
    void *self = session_manager_actor.new(&play->options, mailbox, &quiet);
    assert_non_null(self);
    session_manager_actor.destroy(&self);
    mailbox_destroy(&mailbox);
}

static void say_reload(struct stage *stage)
{
    stage_say(stage, MESSAGE_OF(reload, .asked_ms = stage_now(stage)));
    stage_silent(stage);
}

static void a_reload_takes_the_tokens_that_are_there_now(void **state)
{
    write_tokens(state, "one\n", 0600);
    struct stage *stage = play_raise(state);
    write_tokens(state, "two\n", 0600);
    say_bearers(stage, "two", NULL);
    hear_turned_away(stage);
    say_reload(stage);
    say_bearers(stage, "two", NULL);
    hear_let_in(stage);
    say_bearers(stage, "one", NULL);
    hear_turned_away(stage);
    assert_int_equal(count_listed(stage), 1); /* those who are in stay */
}

static void a_reload_that_fails_keeps_the_tokens_that_were(void **state)
{
    struct play *play = *state;
    write_tokens(state, "one\n", 0600);
    struct stage *stage = play_raise(state);
    write_tokens(state, "# nobody\n", 0600);
    say_reload(stage);
    say_bearers(stage, "one", NULL);
    hear_let_in(stage);
    unlink(play->options.auth_token_file);
    say_reload(stage);
    say_bearers(stage, "one", NULL);
    hear_let_in(stage);
    say_bearers(stage, "two", NULL);
    hear_turned_away(stage);
}

static void a_reload_without_the_flag_changes_nothing(void **state)
{
    struct stage *stage = play_raise(state);
    say_reload(stage);
    say_bearers(stage, NULL, NULL);
    hear_let_in(stage);
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, file_setup, file_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_one_token_a_line),
        cmocka_unit_test(blank_lines_and_comments_do_not_count),
        cmocka_unit_test(a_file_without_a_token_is_refused),
        cmocka_unit_test(more_tokens_than_the_limit_are_refused),
        FILE_TEST(a_file_that_others_may_read_is_told_apart),
        FILE_TEST(what_is_no_readable_file_is_refused),
        TEST(without_the_flag_auth_is_ignored),
        FILE_TEST(a_token_of_the_file_in_either_place_lets_in),
        FILE_TEST(without_a_token_of_the_file_nobody_is_let_in),
        FILE_TEST(a_session_id_alone_resumes_nothing),
        FILE_TEST(it_does_not_start_without_a_token),
        FILE_TEST(a_reload_takes_the_tokens_that_are_there_now),
        FILE_TEST(a_reload_that_fails_keeps_the_tokens_that_were),
        TEST(a_reload_without_the_flag_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
