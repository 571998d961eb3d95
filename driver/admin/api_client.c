#include "admin/api_client.h"

#include "check.h"
#include "terminal/shown_text.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define USER_AGENT "hoody-tunnel/" HOODY_VERSION

struct api_client {
    struct daemon_access *access;
    const struct options *options;
    int interrupt_fd;
    CURL *call;
    CURLM *calls; /* there is one at most; it lets us wait for the interrupt, too */
    struct curl_slist *proxy_fields;
    char detail[CURL_ERROR_SIZE];
    char *body;
    size_t length;
    size_t room;
    bool is_too_long;
};

/* ---- the answer's body ---- */

static void reserve(struct api_client *client, size_t length)
{
    if (client->room > length)
        return;
    while (client->room <= length)
        client->room = client->room == 0 ? 4096 : client->room * 2;
    client->body = realloc(client->body, client->room);
    check(client->body != NULL);
}

static size_t on_body(char *data, size_t size, size_t count, void *owner)
{
    struct api_client *client = owner;
    size_t length = size * count;
    if (length > API_ANSWER_BYTES_MAX - client->length) {
        client->is_too_long = true;
        return 0;
    }
    reserve(client, client->length + length);
    memcpy(client->body + client->length, data, length);
    client->length += length;
    return length;
}

/* ---- what went wrong ---- */

__attribute__((format(printf, 3, 4))) static void fail(struct api_answer *answer, enum api_outcome outcome,
                                                       const char *format, ...)
{
    va_list arguments;
    answer->outcome = outcome;
    va_start(arguments, format);
    vsnprintf(answer->reason, sizeof answer->reason, format, arguments);
    va_end(arguments);
}

/* With TLS, where it is asked for. */
static bool is_connected(const struct api_client *client)
{
    curl_off_t connect_us = 0;
    CURLINFO what = client->access->url.is_tls ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T;
    return curl_easy_getinfo(client->call, what, &connect_us) == CURLE_OK && connect_us > 0;
}

static void explain(const struct api_client *client, CURLcode code, struct api_answer *answer)
{
    const char *where = client->access->name;
    char *detail = shown_text_new(span_of_string(*client->detail != '\0' ? client->detail : curl_easy_strerror(code)));
    unsigned timeout_ms = (unsigned)client->options->timeout_ms;
    long proxy_status = 0;
    curl_easy_getinfo(client->call, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    /* Of libcurl's hundred codes, those that tell something about the daemon. */
    if (client->is_too_long)
        fail(answer, API_FAILED, "what %s answers has more than %d bytes: is it a hoody-tunneld?", where,
             API_ANSWER_BYTES_MAX);
    else if (code == CURLE_OPERATION_TIMEDOUT && is_connected(client))
        fail(answer, API_FAILED, "the daemon at %s gave no whole answer within %u ms (--timeout)", where, timeout_ms);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        fail(answer, API_UNREACHABLE, "can't reach the daemon at %s: no connection within %u ms (--timeout)", where,
             timeout_ms);
    else if (proxy_status != 0 && proxy_status / 100 != 2)
        fail(answer, proxy_status / 100 == 4 ? API_FAILED : API_UNREACHABLE,
             "can't reach the daemon at %s: the proxy refuses with status %ld", where, proxy_status);
    else if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
             code == CURLE_COULDNT_CONNECT || code == CURLE_PROXY)
        fail(answer, API_UNREACHABLE, "can't reach the daemon at %s: %s", where, detail);
    else if (code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR)
        fail(answer, API_FAILED, "the answer of %s is cut short: %s", where, detail);
    else if (code == CURLE_SSL_CONNECT_ERROR && strstr(detail, "wrong version number") != NULL)
        fail(answer, API_UNREACHABLE,
             "can't reach the daemon at %s: it does not speak TLS: is it ws:// rather than wss://?", where);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        fail(answer, API_FAILED, "the certificate of %s is not trusted: %s (see --cacert)", where, detail);
    else
        fail(answer, API_FAILED, "no good answer of %s: %s", where, detail);
    free(detail);
}

/* ---- a call ---- */

/* false: interrupted. */
static bool perform(struct api_client *client, CURLcode *ret_code)
{
    int running = 1;
    struct curl_waitfd interrupt = {.fd = client->interrupt_fd, .events = CURL_WAIT_POLLIN};
    unsigned extra = client->interrupt_fd >= 0 ? 1 : 0;
    check(curl_multi_add_handle(client->calls, client->call) == CURLM_OK);
    while (curl_multi_perform(client->calls, &running) == CURLM_OK && running > 0) {
        interrupt.revents = 0;
        if (curl_multi_poll(client->calls, &interrupt, extra, (int)client->options->timeout_ms, NULL) != CURLM_OK)
            break;
        if (interrupt.revents != 0)
            break;
    }
    *ret_code = CURLE_ABORTED_BY_CALLBACK;
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(client->calls, &left);
    if (message != NULL && message->msg == CURLMSG_DONE)
        *ret_code = message->data.result;
    curl_multi_remove_handle(client->calls, client->call);
    return message != NULL || interrupt.revents == 0;
}

static void describe(const struct api_client *client, struct api_answer *answer)
{
    long status = 0;
    char *type = NULL;
    curl_easy_getinfo(client->call, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->call, CURLINFO_CONTENT_TYPE, &type);
    answer->outcome = API_ANSWERED;
    answer->status = (unsigned)status;
    answer->body = client->body;
    answer->length = client->length;
    answer->is_json = type != NULL && strncasecmp(type, "application/json", strlen("application/json")) == 0;
    answer->is_text = type != NULL && strncasecmp(type, "text/plain", strlen("text/plain")) == 0;
}

/* NULL: none. A token that can't be read any more stays what it was. */
static struct curl_slist *fields_of(struct daemon_access *access)
{
    const char *why = NULL;
    char line[sizeof "Authorization: Bearer " + BEARER_TOKEN_BYTES];
    struct curl_slist *fields = NULL;
    (void)daemon_access_renew_token(access, &why);
    if (access->token[0] != '\0') {
        snprintf(line, sizeof line, "Authorization: Bearer %s", access->token);
        fields = curl_slist_append(NULL, line);
        check(fields != NULL);
    }
    explicit_bzero(line, sizeof line);
    return fields;
}

void api_client_ask(struct api_client *client, const char *method, const char *path, const char *query,
                    struct api_answer *ret_answer)
{
    char url[API_URL_BYTES];
    CURLcode code = CURLE_OK;
    *ret_answer = (struct api_answer){0};
    api_url_format(&client->access->url, path, query, url);
    check(curl_easy_setopt(client->call, CURLOPT_URL, url) == CURLE_OK);
    check(curl_easy_setopt(client->call, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK);
    client->length = 0;
    client->is_too_long = false;
    client->detail[0] = '\0';
    struct curl_slist *fields = fields_of(client->access);
    check(curl_easy_setopt(client->call, CURLOPT_HTTPHEADER, fields) == CURLE_OK);
    bool is_done = perform(client, &code);
    curl_easy_setopt(client->call, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);
    if (!is_done) {
        fail(ret_answer, API_INTERRUPTED, "interrupted");
        return;
    }
    reserve(client, client->length);
    client->body[client->length] = '\0';
    if (code == CURLE_OK)
        describe(client, ret_answer);
    else
        explain(client, code, ret_answer);
}

/* ---- start and end ---- */

#define SET(option, value) check(curl_easy_setopt(client->call, option, value) == CURLE_OK)

/* CONNECT, as the tunnels do it: where one gets through, so does the other. */
static void set_up_proxy(struct api_client *client)
{
    const struct daemon_access *access = client->access;
    char where[HOST_PORT_BYTES], line[sizeof "Proxy-Authorization: Basic " + PROXY_BASIC_BYTES];
    if (!access->has_proxy) {
        SET(CURLOPT_PROXY, ""); /* what the environment says has been looked at */
        return;
    }
    host_port_format(&access->proxy.where, where);
    SET(CURLOPT_PROXY, where);
    SET(CURLOPT_PROXYTYPE, (long)CURLPROXY_HTTP);
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    if (access->proxy.basic[0] == '\0')
        return;
    snprintf(line, sizeof line, "Proxy-Authorization: Basic %s", access->proxy.basic);
    client->proxy_fields = curl_slist_append(NULL, line);
    explicit_bzero(line, sizeof line);
    check(client->proxy_fields != NULL);
    SET(CURLOPT_PROXYHEADER, client->proxy_fields);
}

static void set_up(struct api_client *client)
{
    const struct options *options = client->options;
    SET(CURLOPT_ERRORBUFFER, client->detail);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_USERAGENT, USER_AGENT);
    SET(CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->timeout_ms);
    set_up_proxy(client);
    if (*options->cacert != '\0')
        SET(CURLOPT_CAINFO, options->cacert);
    if (options->insecure) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

struct api_client *api_client_new(struct daemon_access *access, const struct options *options, int interrupt_fd)
{
    struct api_client *client = calloc(1, sizeof *client);
    check(client != NULL);
    check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    *client = (struct api_client){
        .access = access,
        .options = options,
        .interrupt_fd = interrupt_fd,
        .call = curl_easy_init(),
        .calls = curl_multi_init(),
    };
    check(client->call != NULL && client->calls != NULL);
    set_up(client);
    return client;
}

void api_client_destroy(struct api_client **p_client)
{
    struct api_client *client = *p_client;
    *p_client = NULL;
    if (client == NULL)
        return;
    curl_easy_cleanup(client->call);
    curl_multi_cleanup(client->calls);
    curl_slist_free_all(client->proxy_fields);
    free(client->body);
    free(client);
    curl_global_cleanup();
}
