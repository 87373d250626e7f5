# bash completion of obsv
_obsv() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words
    # With "=" among the word breaks, --color=<Tab> arrives as three words.
    [[ $current == = ]] && current=
    [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD-2]}
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'listen tail config help --help --version' -- "$current")
        return
    fi
    case $previous in
    --color) words='auto always never' ;;
    --level | -l) words='trace debug info warn error fatal' ;;
    --bind | -b) words='127.0.0.1 ::1 0.0.0.0' ;;
    --port-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --port | -p | --count | -n) return ;;
    *)
        case $command in
        listen) words='--bind= --port= --port-file= --count= --json --full --quiet --color= --help --usage --version' ;;
        tail) words='--level= --full --color= --help --usage --version' ;;
        config) words='--json --markdown --color= --help --usage --version' ;;
        help) words='listen tail config' ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -F _obsv obsv
