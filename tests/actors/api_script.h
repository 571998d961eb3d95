/* What the tests of admin-http share: a caller, and peers that answer with one live session, its port, and a parked
 * one. */
#ifndef HOODY_TESTS_TESTS_API_SCRIPT_H
#define HOODY_TESTS_TESTS_API_SCRIPT_H

#include "stage.h"

#define BASE "/api/v1/tunnel"
#define ID_1 "S-00000000-0000-4000-8000-000000000001"
#define ID_2 "S-00000000-0000-4000-8000-000000000002"

enum { CALL_TIMEOUT_MS = 2000, CALLS_MAX = 256, API_CONNECTION = 7 };

/* *state is the stage. Allowed are https://app.example.com, kit.example.com and *.tunnels.example.net. */
int api_set_up(void **state);
int api_tear_down(void **state);
#define STAGED(test) cmocka_unit_test_setup_teardown(test, api_set_up, api_tear_down)

/* From curl on loopback: no Origin, a Host that is fine. */
void api_request_on(struct stage *stage, uint64_t connection, const char *method, const char *target);
void api_request(struct stage *stage, const char *method, const char *target);
/* origin: NULL: no such field. */
void api_request_from(struct stage *stage, const char *method, const char *target, const char *host,
                      const char *peer_ip, const char *origin);

/* The next answer has this status. */
const struct message_api_answered *api_hear(struct stage *stage, uint32_t status);
/* ...and exactly this body, as application/json. */
void api_hear_json(struct stage *stage, uint32_t status, const char *expected);
/* ...and {"error": "..."}; api_hear_error: and no Allow either. */
void api_check_error(const struct message_api_answered *answered);
void api_hear_error(struct stage *stage, uint32_t status);

/* The asks, each returns its ref; and their answers. */
uint64_t api_hear_list_sessions(struct stage *stage);
uint64_t api_hear_list_bindings(struct stage *stage);
uint64_t api_hear_count_streams(struct stage *stage);
void api_say_sessions(struct stage *stage, uint64_t ref);
void api_say_bindings(struct stage *stage, uint64_t ref);
void api_say_streams(struct stage *stage, uint64_t ref, uint32_t shard);
uint64_t api_hear_close(struct stage *stage, uint64_t grace_ms);

/* The bodies that the peers' answers make. */
#define TUNNELS                                                                                                        \
    "{\"sessions\":[{\"sessionId\":\"" ID_1 "\",\"peerAddr\":\"127.0.0.1:40000\",\"protocol\":\"hoody-tunnel.v1\","    \
    "\"connectionsGranted\":1,\"activeStreams\":3,\"exposeBindings\":[{\"bindId\":6,\"containerPort\":8080}],"         \
    "\"pullBindings\":[]}],\"orphanedSessions\":1,\"totalStreams\":3,\"totalBindings\":2,\"fdPermitsAvailable\":1000}"
#define SESSIONS                                                                                                       \
    "{\"sessions\":[{\"sessionId\":\"" ID_1 "\",\"peerAddr\":\"127.0.0.1:40000\",\"isV2\":false,"                      \
    "\"connectionsGranted\":1,\"activeStreams\":3,\"maxStreams\":1024,\"bindings\":[{\"bindId\":6,"                    \
    "\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":8080}]}],\"total\":1}"
#define BINDINGS                                                                                                       \
    "{\"bindings\":[{\"port\":8080,\"kind\":\"http\",\"mode\":\"expose\",\"sessionId\":\"" ID_1 "\",\"bindId\":6},"    \
    "{\"port\":3000,\"kind\":\"http\",\"mode\":\"expose\",\"sessionId\":\"" ID_2 "\",\"bindId\":5,\"parked\":true}],"  \
    "\"total\":2}"

#endif
