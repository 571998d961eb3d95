#include "admin/api_client.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_SEGMENT "/connect"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* Of the URL's path, without its query: what stands before the call's own path. */
static size_t base_length(const char *path)
{
    size_t length = strcspn(path, "?");
    const size_t connect = strlen(CONNECT_SEGMENT);
    if (length >= connect && memcmp(path + length - connect, CONNECT_SEGMENT, connect) == 0)
        return length - connect;
    while (length > 0 && path[length - 1] == '/')
        length--;
    return length;
}

void api_url_format(const struct server_url *server, const char *path, const char *query, char ret_url[API_URL_BYTES])
{
    char authority[HOST_PORT_BYTES];
    host_port_format_authority(&server->where, server->is_tls ? HTTPS_PORT : HTTP_PORT, authority);
    const char *own_query = strchr(server->path, '?');
    own_query = own_query != NULL ? own_query + 1 : "";
    bool has_query = *own_query != '\0' || *query != '\0';
    int length = snprintf(ret_url, API_URL_BYTES, "%s://%s%.*s%s%s%s%s%s", server->is_tls ? "https" : "http", authority,
                          (int)base_length(server->path), server->path, path, has_query ? "?" : "", own_query,
                          *own_query != '\0' && *query != '\0' ? "&" : "", query);
    check(length > 0 && length < API_URL_BYTES); /* room for the longest of each is in API_URL_BYTES */
}
