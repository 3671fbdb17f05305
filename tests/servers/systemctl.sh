#!/bin/sh
# As much of systemctl(1) as a host without systemd needs for a service of one process: the process, and whether it starts by itself, are real.
dir=/etc/systemd/system wants=/etc/systemd/system/multi-user.target.wants now=
verb=$1; shift
while [ $# -gt 1 ]; do
  [ "$1" != --now ] || now=yes
  shift
done
unit=$1 pid=/run/services/$1.pid
runs() { [ -e "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }
begin() { runs || { mkdir -p "${pid%/*}"; setsid $(sed -n 's/^ExecStart=//p' "$dir/$unit") </dev/null >/dev/null 2>&1 & echo "$!" > "$pid"; }; }
end() { ! runs || kill -KILL "$(cat "$pid")"; rm -f "$pid"; }
[ -e "$dir/$unit" ] || { [ "$verb" = show ] && echo not-found; [ "$verb" = show ]; exit; }
case $verb in
  show) echo loaded;;
  is-active) if runs; then echo active; else echo inactive; exit 3; fi;;
  is-enabled) if [ -e "$wants/$unit" ]; then echo enabled; else echo disabled; exit 1; fi;;
  enable) mkdir -p "$wants"; ln -sf "$dir/$unit" "$wants/$unit"; [ -z "$now" ] || begin;;
  disable) rm -f "$wants/$unit"; [ -z "$now" ] || end;;
  start) begin;;
  stop) end;;
  *) exit 1;;
esac
