# Completion of hoody-tunnel for fish; ops/tables writes it from driver/options.def.

complete -c hoody-tunnel -f
complete -c hoody-tunnel -n __fish_use_subcommand -a expose -d 'publish a local web service on a port of the container'
complete -c hoody-tunnel -n __fish_use_subcommand -a pull -d 'lead a loopback port of the container to a local TCP service'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from expose pull' -l url -x -d 'the daemon to connect to'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from expose pull' -l port -x -d 'the container\'s port, 0: a random free one'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from pull' -l host -x -d 'the container\'s loopback address that the port is on'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from expose' -l takeover -d 'take the port from the tunnel that holds it'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from expose' -l host-header -x -a 'preserve rewrite' -d 'the Host for the service: the visitor\'s, TARGET, or VALUE'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from expose pull' -l label -x -d 'a name for the binding, for people and public URLs'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from pull' -l connect-timeout -x -d 'how long TARGET may take to accept, each of its addresses'
complete -c hoody-tunnel -n '__fish_seen_subcommand_from expose pull' -l connections -x -d 'WebSockets to the daemon to spread the load over, 1 to 16'
complete -c hoody-tunnel -l help -d 'how the program, or a command, is used'
complete -c hoody-tunnel -l version -d 'the version'
