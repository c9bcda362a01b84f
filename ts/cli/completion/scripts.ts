/** What each shell loads. They only pass the words on to `fwctl __complete` and show what it prints. */
export const SCRIPTS = {
  bash: `# bash completion for fwctl; load it with: source <(fwctl completion bash)
_fwctl() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _fwctl fwctl
`,
  zsh: `#compdef fwctl
# zsh completion for fwctl; load it with: source <(fwctl completion zsh)
_fwctl() {
  local line files=
  local -a found
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      files=yes
    elif [[ -n $line ]]; then
      found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  (( $#found )) && _describe -V fwctl found
  [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _fwctl ]]; then
  _fwctl "$@"
else
  compdef _fwctl fwctl
fi
`,
  fish: `# fish completion for fwctl; load it with: fwctl completion fish | source
function __fwctl_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -q current[1]; or set current ''
    for line in ($before[1] __complete -- $before[2..-1] $current 2>/dev/null)
        if test "$line" = ':files'
            __fish_complete_path $current
        else
            echo $line
        end
    end
end
complete -c fwctl -f -a '(__fwctl_complete)'
`,
} as const;

export type Shell = keyof typeof SCRIPTS;
export const SHELLS = Object.keys(SCRIPTS) as Shell[];
