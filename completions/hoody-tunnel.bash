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
    expose:--url | pull:--url) return 0 ;;
    expose:--port | pull:--port) return 0 ;;
    pull:--host) return 0 ;;
    expose:--host-header) words='preserve rewrite' ;;
    expose:--label | pull:--label) return 0 ;;
    pull:--connect-timeout) return 0 ;;
    expose:--connections | pull:--connections) return 0 ;;
    *)
        case $COMP_CWORD:${COMP_WORDS[1]}:$current in
        1:*:-*) words='--help --version' ;;
        1:*) words='expose pull' ;;
        *:expose:-*) words='--url --port --takeover --host-header --label --connections --help --version' ;;
        *:expose:*) return 0 ;;
        *:pull:-*) words='--url --port --host --label --connect-timeout --connections --help --version' ;;
        *:pull:*) return 0 ;;
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
