# Completion of hoody-tunneld for bash; ops/tables writes it from actors/options.def.

_hoody_tunneld()
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
    *:--listen) return 0 ;;
    *:--trusted-source) return 0 ;;
    *:--allow-origin) return 0 ;;
    *:--admin-host) return 0 ;;
    *:--auth-token-file) files=yes ;;
    *:--tls-cert) files=yes ;;
    *:--tls-key) files=yes ;;
    *:--public-url-pattern) return 0 ;;
    *:--expose-address) return 0 ;;
    *:--hello-timeout) return 0 ;;
    *:--max-pre-auth-connections) return 0 ;;
    *:--takeover-grace) return 0 ;;
    *:--max-sessions) return 0 ;;
    *:--max-binds-per-session) return 0 ;;
    *:--max-streams) return 0 ;;
    *:--max-connections-per-session) return 0 ;;
    *:--join-ticket-ttl) return 0 ;;
    *:--fd-budget) return 0 ;;
    *:--stream-window) return 0 ;;
    *:--session-window) return 0 ;;
    *:--max-stream-window) return 0 ;;
    *:--max-session-window) return 0 ;;
    *:--window-budget) return 0 ;;
    *:--buffer-budget) return 0 ;;
    *:--ping-interval) return 0 ;;
    *:--pong-timeout) return 0 ;;
    *:--idle-timeout) return 0 ;;
    *:--head-timeout) return 0 ;;
    *:--body-timeout) return 0 ;;
    *:--keepalive-timeout) return 0 ;;
    *:--response-timeout) return 0 ;;
    *:--drain-timeout) return 0 ;;
    *:--shards) words='auto' ;;
    *:--log-level) words='error warn info debug' ;;
    *:--log-format) words='text json' ;;
    *)
        case $COMP_CWORD:${COMP_WORDS[1]}:$current in
        *) words='--listen --trusted-source --allow-origin --admin-host --auth-token-file --tls-cert --tls-key --public-url-pattern --expose-address --allow-privileged-expose --allow-privileged-pull --no-forwarded-headers --hello-timeout --max-pre-auth-connections --takeover-grace --max-sessions --max-binds-per-session --max-streams --max-connections-per-session --join-ticket-ttl --fd-budget --stream-window --session-window --max-stream-window --max-session-window --window-budget --buffer-budget --ping-interval --pong-timeout --idle-timeout --head-timeout --body-timeout --keepalive-timeout --response-timeout --drain-timeout --shards --no-syscall-filter --core-dumps --access-log --log-level --log-format --help --version' ;;
        esac
        ;;
    esac
    [[ $files == no ]] || compopt -o filenames 2>/dev/null # it complains when a test calls
    mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$current"
        [[ $files == no ]] || compgen -f -- "$current"
    )
}

complete -F _hoody_tunneld hoody-tunneld
