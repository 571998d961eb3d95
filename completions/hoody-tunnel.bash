# Completion of hoody-tunnel for bash; ops/tables writes it from driver/options.def.

_hoody_tunnel()
{
    local current=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} words= files=no
    COMPREPLY=()
    # --flag=value comes as three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $flag == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case ${COMP_WORDS[1]}:$flag in
    expose:--port | pull:--port) return 0 ;;
    expose:--pull) return 0 ;;
    pull:--host) return 0 ;;
    expose:--host-header) words='preserve rewrite' ;;
    expose:--label | pull:--label) return 0 ;;
    pull:--connect-timeout) return 0 ;;
    close:--grace) return 0 ;;
    top:--interval) return 0 ;;
    top:--count) return 0 ;;
    list:--timeout | sessions:--timeout | bindings:--timeout | close:--timeout | health:--timeout | metrics:--timeout | top:--timeout) return 0 ;;
    expose:--url | pull:--url | up:--url | list:--url | sessions:--url | bindings:--url | close:--url | health:--url | metrics:--url | top:--url) return 0 ;;
    expose:--connections | pull:--connections | up:--connections) return 0 ;;
    expose:--ping-interval | pull:--ping-interval | up:--ping-interval) return 0 ;;
    expose:--ping-timeout | pull:--ping-timeout | up:--ping-timeout) return 0 ;;
    expose:--proxy | pull:--proxy | up:--proxy | list:--proxy | sessions:--proxy | bindings:--proxy | close:--proxy | health:--proxy | metrics:--proxy | top:--proxy) words='none' ;;
    expose:--token-file | pull:--token-file | up:--token-file | list:--token-file | sessions:--token-file | bindings:--token-file | close:--token-file | health:--token-file | metrics:--token-file | top:--token-file) files=yes ;;
    expose:--cacert | pull:--cacert | up:--cacert | list:--cacert | sessions:--cacert | bindings:--cacert | close:--cacert | health:--cacert | metrics:--cacert | top:--cacert) files=yes ;;
    *)
        case $COMP_CWORD:${COMP_WORDS[1]}:$current in
        1:*:-*) words='--help --version' ;;
        1:*) words='expose pull up list sessions bindings close health metrics top help' ;;
        *:expose:-*) words='--port --pull --takeover --host-header --label --json --qr --plain --log-requests --inspect --inspect-show-secrets --url --connections --wait --exit-on-loss --ping-interval --ping-timeout --proxy --token-file --cacert --insecure --help --version' ;;
        *:expose:*) return 0 ;;
        *:pull:-*) words='--port --host --label --connect-timeout --json --plain --log-requests --url --connections --wait --exit-on-loss --ping-interval --ping-timeout --proxy --token-file --cacert --insecure --help --version' ;;
        *:pull:*) return 0 ;;
        *:up:-*) words='--json --qr --plain --log-requests --inspect --inspect-show-secrets --url --connections --wait --exit-on-loss --ping-interval --ping-timeout --proxy --token-file --cacert --insecure --help --version' ;;
        *:up:*) files=yes ;;
        *:list:*) words='--json --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:sessions:*) words='--json --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:bindings:*) words='--json --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:close:-*) words='--json --grace --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:close:*) return 0 ;;
        *:health:*) words='--json --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:metrics:*) words='--json --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:top:*) words='--json --interval --count --timeout --url --proxy --token-file --cacert --insecure --help --version' ;;
        *:help:-*) words='--help --version' ;;
        *:help:*) words='expose pull up list sessions bindings close health metrics top help' ;;
        esac
        ;;
    esac
    [[ $files == no ]] || compopt -o filenames 2>/dev/null # it complains when a test calls
    mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$current"
        [[ $files == no ]] || compgen -f -- "$current"
    )
}

complete -F _hoody_tunnel hoody-tunnel
