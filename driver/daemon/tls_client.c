#include "tls_client.h"

#include "check.h"
#include "loop.h"
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tls_client {
    SSL_CTX *context;
};

/* As in RFC 7301: an edge in front of the daemon must not choose HTTP/2. */
static const unsigned char PROTOCOLS[] = "\x08http/1.1";

static const char *last_error(void)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : NULL;
    if (reason == NULL)
        reason = ERR_reason_error_string(error);
    return reason != NULL ? reason : "unknown error";
}

static bool trust(SSL_CTX *context, const char *ca_file, char ret_why[TLS_CLIENT_WHY_BYTES])
{
    ERR_clear_error();
    if (*ca_file == '\0') {
        if (SSL_CTX_set_default_verify_paths(context) == 1)
            return true;
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "this system's certificates can't be read: %s", last_error());
        return false;
    }
    if (access(ca_file, R_OK) != 0) {
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "%.160s can't be read: %s", ca_file, strerror(errno));
        return false;
    }
    if (SSL_CTX_load_verify_file(context, ca_file) == 1)
        return true;
    snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "%.160s holds no certificate in PEM: %.60s", ca_file, last_error());
    return false;
}

struct tls_client *tls_client_new(const char *ca_file, bool is_careless, char ret_why[TLS_CLIENT_WHY_BYTES])
{
    struct tls_client *client = calloc(1, sizeof *client);
    check(client != NULL);
    client->context = SSL_CTX_new(TLS_client_method());
    check(client->context != NULL && SSL_CTX_set_min_proto_version(client->context, TLS1_2_VERSION) == 1);
    check(SSL_CTX_set_alpn_protos(client->context, PROTOCOLS, sizeof PROTOCOLS - 1) == 0);
    SSL_CTX_set_options(client->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    /* An evbuffer may move the bytes of an unfinished write. */
    SSL_CTX_set_mode(client->context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(client->context, is_careless ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (!trust(client->context, ca_file, ret_why))
        tls_client_destroy(&client);
    return client;
}

void tls_client_destroy(struct tls_client **p_client)
{
    struct tls_client *client = *p_client;
    *p_client = NULL;
    if (client == NULL)
        return;
    SSL_CTX_free(client->context);
    free(client);
}

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Whose certificate it must be. Addresses are not named to the server (RFC 6066 section 3); a zone is this machine's
 * own matter. */
static void expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    char address[HOST_BYTES];
    snprintf(address, sizeof address, "%.*s", (int)strcspn(host, "%"), host);
    if (is_address(address)) {
        check(X509_VERIFY_PARAM_set1_ip_asc(parameters, address) == 1);
        return;
    }
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    check(X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1);
    check(SSL_set_tlsext_host_name(ssl, host) == 1);
}

struct bufferevent *tls_client_begin(const struct tls_client *client, struct loop *loop, int fd, const char *host)
{
    SSL *ssl = SSL_new(client->context);
    check(ssl != NULL);
    expect_host(ssl, host);
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(loop_base(loop), fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    check(bev != NULL);
    /* A peer that ends without close_notify has ended all the same: WebSocket says what is whole. */
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

static void explain_certificate(long verdict, const char *host, char ret_why[TLS_CLIENT_WHY_BYTES])
{
    switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "its certificate is not for %.100s: is the name in --url right?", host);
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "%s: is this machine's clock right?",
                 verdict == X509_V_ERR_CERT_HAS_EXPIRED ? "its certificate has expired"
                                                        : "its certificate is not valid yet");
        return;
    default: /* OpenSSL's list, of which it has words itself */
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES,
                 "its certificate is not trusted: %s; --cacert FILE names a certificate to trust",
                 X509_verify_cert_error_string(verdict));
        return;
    }
}

bool tls_client_explain(struct bufferevent *bev, const char *host, char ret_why[TLS_CLIENT_WHY_BYTES])
{
    const SSL *ssl = bufferevent_openssl_get_ssl(bev);
    long verdict = SSL_get_verify_result(ssl);
    unsigned long error = bufferevent_get_openssl_error(bev);
    const char *reason = ERR_reason_error_string(error);
    if (verdict != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        explain_certificate(verdict, host, ret_why);
        return true;
    }
    if (error != 0 && ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER)
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "it does not speak TLS: is it ws:// rather than wss://?");
    else if (reason != NULL)
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "TLS failed: %s", reason);
    else
        snprintf(ret_why, TLS_CLIENT_WHY_BYTES, "it closed the connection in the TLS handshake");
    return false;
}
