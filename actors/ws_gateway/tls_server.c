#include "tls_server.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tcp_socket.h"

struct tls_server {
    SSL_CTX *context;
};

/* TLS 1.2; those of TLS 1.3 are all sound. */
static const char cipher_list[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* "\x08http/1.1", as in RFC 7301. */
static const unsigned char protocols[] = "\x08http/1.1";

/* ---- the files ---- */

static void explain(char *ret_why, const char *path, const char *what)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : NULL;
    if (!reason)
        reason = ERR_reason_error_string(error);
    (void)snprintf(ret_why, TLS_SERVER_WHY_MAX, "%s: %s: %s", path, what, reason ? reason : "it is not there");
    ERR_clear_error();
}

/* Nobody sits at a terminal to unlock it. */
static int refuse_to_ask(char *password, int size, int is_for_writing, void *arg)
{
    (void)password;
    (void)size;
    (void)is_for_writing;
    (void)arg;
    return 0;
}

static bool load(SSL_CTX *context, const char *certificate_path, const char *key_path, char *ret_why)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1) {
        explain(ret_why, certificate_path, "no certificate chain in PEM");
        return false;
    }
    SSL_CTX_set_default_passwd_cb(context, refuse_to_ask);
    if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1) {
        explain(ret_why, key_path, "no private key in PEM, without a password, that fits the certificate");
        return false;
    }
    return true;
}

/* ---- the context ---- */

static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_length, void *arg)
{
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, ret_length, protocols, sizeof protocols - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool configure(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* An evbuffer may move the bytes of an unfinished write; an idle connection needs no buffers. */
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do without a memory of ours */
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, cipher_list) == 1;
}

struct tls_server *tls_server_new(const char *certificate_path, const char *key_path, char ret_why[TLS_SERVER_WHY_MAX])
{
    struct tls_server *server = calloc(1, sizeof *server);
    if (!server || !(server->context = SSL_CTX_new(TLS_server_method())) || !configure(server->context)) {
        (void)snprintf(ret_why, TLS_SERVER_WHY_MAX, "out of memory");
        tls_server_destroy(&server);
        return NULL;
    }
    if (!load(server->context, certificate_path, key_path, ret_why))
        tls_server_destroy(&server);
    return server;
}

void tls_server_destroy(struct tls_server **p_server)
{
    struct tls_server *server = *p_server;
    if (!server)
        return;
    *p_server = NULL;
    SSL_CTX_free(server->context);
    free(server);
}

void tls_server_expiry(const struct tls_server *server, char ret_date[TLS_SERVER_DATE_MAX])
{
    struct tm end;
    ret_date[0] = '\0';
    if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(server->context)), &end) == 1)
        (void)strftime(ret_date, TLS_SERVER_DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &end);
}

struct bufferevent *tls_server_accept(struct tls_server *server, struct event_base *loop, evutil_socket_t fd)
{
    SSL *ssl = SSL_new(server->context);
    struct bufferevent *socket = NULL;
    if (ssl)
        socket = bufferevent_openssl_socket_new(loop, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!socket) {
        SSL_free(ssl);
        evutil_closesocket(fd);
        return NULL;
    }
    /* A peer that ends without close_notify has ended all the same: what it said is framed by HTTP and WebSocket. */
    bufferevent_openssl_set_allow_dirty_shutdown(socket, 1);
    tcp_socket_limit(socket);
    return socket;
}
