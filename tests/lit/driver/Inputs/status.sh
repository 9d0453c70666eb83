# status.sh N COMMAND...: succeeds if the command's exit status is N.
want=$1
shift
"$@"
got=$?
[ $got = "$want" ] || { echo "status $got, not $want"; exit 1; }
