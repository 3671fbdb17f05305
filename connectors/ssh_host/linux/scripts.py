"""The fixed shell scripts of the command table (POSIX sh). What differs from call to call comes as words, never into the text.

Where several steps belong together they are one script, so that the host finishes them by itself when the connection breaks.
"""

from typing import Final

SETTINGS: Final = (
    "usepam",
    "authorizedkeysfile",
    "authorizedkeyscommand",
    "authorizedprincipalsfile",
    "authorizedprincipalscommand",
    "trustedusercakeys",
    "revokedkeys",
)

SERVER_SETTINGS: Final = f"""
address=$1 local=$2 port=$3; shift 3
[ -x /usr/sbin/sshd ] || {{ echo none; exit 0; }}
for account; do
  echo "account $account"
  /usr/sbin/sshd -T -C "user=$account,host=$address,addr=$address,laddr=$local,lport=$port" || echo "account "
done | grep -E '^(account|{"|".join(SETTINGS)}) '
"""
"""What the server does for each account that comes from an address to one of the host's own, asked as sshd_config(5) says of `Match`."""

NAME_SERVICES: Final = """
for file in /etc/nsswitch.conf /usr/etc/nsswitch.conf; do [ -f "$file" ] && exec cat "$file"; done
exit 0
"""

SUDO_RULES: Final = """
command -v cvtsudoers >/dev/null || { [ -e /etc/sudoers ] && echo unreadable; exit 0; }
show() { # a name for it, and where it is read
  echo "file $1"
  cvtsudoers -f json "$2" 2>/dev/null | grep -o '"[A-Z][A-Za-z]*_Aliases"' | sort -u
  cvtsudoers -e -f json "$2" 2>/dev/null || echo unreadable
  echo
  echo end
}
[ -e /etc/sudoers ] || exit 0
show / /etc/sudoers
main=$(grep -vE '^[[:space:]]*[#@]include' /etc/sudoers)
echo "file /etc/sudoers"
echo "$main" | cvtsudoers -e -f json - 2>/dev/null || echo unreadable
echo
echo end
for file in /etc/sudoers.d/*; do
  case ${file##*/} in *.*|*~) continue;; esac
  [ -f "$file" ] && show "$file" "$file"
done
exit 0
"""
"""The rules of sudo as its own parser reads them, aliases written out: all that holds (called `/`), the main file without what it includes,
and each drop-in; a name with a dot is passed over by sudo (sudoers(5))."""

OTHERS: Final = """
others() { # who else has this account's number: what runs under it is theirs as well then, and with number 0 the host itself
  number=$(id -u "$1") || return 0
  { [ "$number" != 0 ] || echo root
    getent passwd | awk -F: -v name="$1" -v number="$number" '$3 == number && $1 != name { print $1 }'; } | sort -u
}
"""

PROCESSES: Final = (
    OTHERS
    + """
shared=$(others "$1" | tr '\\n' ' ')
[ -z "$shared" ] || { echo "shared $shared"; exit 0; }
ps -o pid= -u "$1" | wc -l
"""
)
"""How many processes run under an account; or who shares its number, so that nobody can tell."""

ACCOUNT_STATE: Final = """
awk -F: -v name="$1" '$1 == name { print substr($2, 1, 1) "|" length($2) "|" $8 }' /etc/shadow | grep . || {
  getent passwd "$1" >/dev/null && echo "?|0|?"
}
exit 0
"""
"""Whether an account is locked, whether it could be unlocked again, and when it expires. The password's hash stays where it is.

An account that is kept elsewhere (LDAP, say) is there all the same: nothing is known of it then."""

JOBS: Final = """
for account; do
  number=$(id -u "$account") || continue
  home=$(getent passwd "$account" | cut -d: -f6)
  for file in "/var/spool/cron/crontabs/$account" "/var/spool/cron/tabs/$account" "/var/spool/cron/$account"; do
    [ -f "$file" ] && grep -qvE '^[[:space:]]*(#|$)' "$file" && echo "$account|cron|$file"
  done
  for file in /etc/crontab /etc/cron.d/*; do
    [ -f "$file" ] && awk -v name="$account" '!/^[[:space:]]*(#|$)/ && ($6 == name || ($1 ~ /^@/ && $2 == name)) { found = 1 }
      END { exit !found }' "$file" && echo "$account|cron|$file"
  done
  for place in /var/spool/cron/atjobs /var/spool/at; do
    [ -d "$place" ] && find "$place" -maxdepth 1 -type f -uid "$number" -name '[a-z=]*' | sed "s,^,$account|at|,"
  done
  for file in "$home"/.config/systemd/user/*.timer "$home"/.config/systemd/user/*.service; do
    [ -e "$file" ] && echo "$account|user unit|$file"
  done
  [ -e "/var/lib/systemd/linger/$account" ] && echo "$account|lingering|/var/lib/systemd/linger/$account"
  for place in /etc /run /usr/local/lib /usr/lib /lib; do
    [ "$place" = /usr/lib ] && [ /lib -ef /usr/lib ] && continue
    grep -lsE "^[[:space:]]*User[[:space:]]*=[[:space:]]*($account|$number)[[:space:]]*$" "$place"/systemd/system/*.service \\
      "$place"/systemd/system/*.d/*.conf | sed "s,^,$account|unit|,"
  done
done
exit 0
"""
"""What runs by itself under these accounts: all of it stops when PAM finds the account expired."""

RUNNING: Final = r"""
for account; do
  number=$(id -u "$account") || { echo "$account|unknown"; continue; }
  for _ in 1 2 3 4; do # what only just lost its session is gone soon
    seen=$(ps -e -o pid= -o ppid= -o uid= -o stat= -o comm= 2>/dev/null | awk -v account="$account" -v number="$number" -v me=$$ '
      function lets_in(p) {
        return name[p] ~ /^(sshd(-session|-auth)?|dropbear|login)$|^(gdm|lightdm|sddm|xrdp)/ || of_systemd(p)
      }
      function of_systemd(p) { return uid[p] == number && name[p] == "systemd" }
      $4 !~ /^Z/ { pid = $1; parent[pid] = $2; uid[pid] = $3; $1 = $2 = $3 = $4 = ""; sub(/^ +/, ""); name[pid] = $0 }
      END {
        if (!(me in parent)) { print account "|unknown"; exit }
        for (p = me; p > 1 && p in parent; p = parent[p]) if (uid[p] == number) mine = p
        for (pid in parent) {
          if (uid[pid] != number) continue
          by = ""; hangs = 0
          for (p = pid; p > 1 && p in parent; p = parent[p]) {
            if (p == mine) by = "me"
            if (by == "" && lets_in(p)) { by = "a login"; hangs = of_systemd(p) }
          }
          if (by == "me") continue
          if (uid[parent[pid]] != number && lets_in(parent[pid])) sessions++
          if (hangs) { if (!of_systemd(pid) && name[pid] != "(sd-pam)") under_systemd++ } else processes++
          if (by == "") print account "|left|" name[pid]
        }
        print account "|running|" sessions + 0 "|" processes + (sessions ? under_systemd : 0)
      }')
    case $seen in *"|left|"*) sleep 0.5;; *) break;; esac
  done
  printf '%s\n' "$seen" # a name may hold a backslash, which some shells' echo reads
done
"""
"""What runs under these accounts beside our own present session: how many logins and processes, and what hangs on no login: nobody who logs
in stands behind it, so that the client may need it. A user's own systemd comes with the first login and goes with the last, unless the
account lingers: what hangs on it is left out where no login but ours is open."""

AGENTS: Final = """
[ -d /run/systemd/system ] || { echo none; exit 0; }
for unit; do
  echo "$unit|$(systemctl show -p LoadState --value "$unit")|$(systemctl is-active "$unit")|$(systemctl is-enabled "$unit" 2>/dev/null)"
done
"""

_LOGS: Final = """
logs() {
  for file in $(ls -tr /var/log/auth.log* /var/log/secure* 2>/dev/null); do
    case $file in
      *.gz) gzip -dc "$file";;
      *.xz) xz -dc "$file";;
      *.bz2) bzip2 -dc "$file";;
      *.zst) zstd -dc "$file";;
      *) cat "$file";;
    esac
  done 2>/dev/null
}
"""
"""What syslog kept of logins, the newest last: what logrotate has put away tells of sessions that are still open."""

LOGINS: Final = (
    _LOGS
    + """
date +%s
log() { logs
  [ -d /run/systemd/system ] && journalctl -q -o short-unix -t sshd -t sshd-session --since=-30days --grep '^Accepted ' 2>/dev/null; }
for key; do log | grep -a ' Accepted publickey for ' | grep -aF " $key" | tail -n 50; done
exit 0
"""
)
"""The host's clock (seconds since 1970), and what its server wrote of logins by these keys."""

_RENAMED = """
[ -e "$from" ] || { [ -e "$to" ] && { echo already; exit 0; }; exit 4; }
[ -e "$to" ] && exit 5
mv -nT "$from" "$to" && [ ! -e "$from" ] || exit 6
visudo -c -q >/dev/null 2>&1 || { mv -nT "$to" "$from"; exit 7; }
echo done
"""

DROP_IN_OUT: Final = (
    """
from=$1 to=$1.good-leaver"""
    + _RENAMED
)
"""A drop-in gets a name with a dot, which sudo passes over; it gets its name back at once if sudo's rules are not whole without it."""

DROP_IN_BACK: Final = (
    """
from=$1.good-leaver to=$1"""
    + _RENAMED
)

LABEL_LIKE: Final = """
command -v selinuxenabled >/dev/null && selinuxenabled || exit 0
chcon --reference="$1" "$1.good-leaver"
"""

_END_TREE: Final = """
tree() { for child in $(ps -o pid= --ppid "$1"); do tree "$child"; done; echo "$1"; }
"""

END_ACCOUNT: Final = (
    OTHERS
    + """
[ -z "$(others "$1")" ] || exit 4
ended=$(ps -o pid= -u "$1" | wc -l)
[ -d /run/systemd/system ] && loginctl terminate-user "$1" 2>/dev/null
pkill -KILL -u "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do [ "$(ps -o pid= -u "$1" | wc -l)" = 0 ] && break; sleep 0.1; done
echo "$ended $(ps -o pid= -u "$1" | wc -l)"
"""
)

KEY_SESSIONS: Final = (
    _END_TREE
    + _LOGS
    + """
end=$1 server=$2 mine=$3 key=$4
processes() { echo "$1" | grep -o 'pid=[0-9]*' | cut -d= -f2; }
is_outside() { for process in $(processes "$1"); do ps -o args= -p "$process"; done | grep -qE '\\[(net|accepted)\\]$'; }
log() { logs
  [ -d /run/systemd/system ] && journalctl -q -o cat -t sshd -t sshd-session --grep '^Accepted ' 2>/dev/null; }
command -v ss >/dev/null || { echo "? ?"; exit 0; }
is_the_servers() { # its end here, whose it is: where we may not see that, the port has to do
  case $2 in *'"sshd'*|*'"dropbear"'*) ;; '') [ "${1##*:}" = "$server" ];; *) return 1;; esac
}
open=$(ss -Htnp state established)
ended=0 unknown=0 known=" " left=
while read -r _ _ here peer users; do
  is_the_servers "$here" "$users" || continue
  port=${peer##*:} address=${peer%:*}; address=${address#[}; address=${address%]}; address=${address#::ffff:}
  came=ours
  [ "$port" = "$mine" ] || came=$(log | grep -aE "^([^]]*]: )?Accepted [^ ]+ for [^ ]+ from $address port $port " | tail -n 1)
  [ -n "$came" ] || { left="$left${users:-nobody}
"; continue; }
  for process in $(processes "$users"); do known="$known$process "; done
  case $came in *"$key"*)
    ended=$((ended + 1))
    [ "$end" = yes ] && for process in $(processes "$users"); do kill -KILL $(tree "$process") 2>/dev/null; done;;
  esac
done <<EOF
$open
EOF
while read -r users; do
  [ -n "$users" ] && ! is_outside "$users" || continue
  for process in $(processes "$users"); do
    case $known in *" $process "*) continue 2;; esac # what a session that is known has open besides: a tunnel
  done
  for process in $(processes "$users"); do known="$known$process "; done
  unknown=$((unknown + 1))
done <<EOF
$left
EOF
[ "$end" = no ] || sleep 0.1 # what was killed is gone then
echo "$ended $unknown"
"""
)
"""Ends the sessions that came in by one key or one authority, or counts them only; the server's log tells by the port that each came from.

Whatever port of the host they came to. The connection over which it runs is left out, and whoever has not come in yet, as the names of
sshd's processes tell. What the log does not tell is counted beside."""

KEY_BY_PROGRAM: Final = r"""
address=$1 local=$2 port=$3 account=$4 type=$5 key=$6 print=$7
set -f
settings=$(/usr/sbin/sshd -T -C "user=$account,host=$address,addr=$address,laddr=$local,lport=$port") || { echo unknown; exit 0; }
program=$(echo "$settings" | sed -n 's/^authorizedkeyscommand //p')
who=$(echo "$settings" | sed -n 's/^authorizedkeyscommanduser //p')
number=$(id -u "$account") home=$(getent passwd "$account" | cut -d: -f6)
case $program in
  ''|none) echo no; exit 0;;
  *[\\\"\']*|*%[!fhktUu]*) echo unknown; exit 0;; # words that only sshd itself can read
esac
case $home in *[\&\|\\]*) echo unknown; exit 0;; esac
set --
for word in $program; do
  set -- "$@" "$(echo "$word" | sed "s|%f|$print|g; s|%h|$home|g; s|%k|$key|g; s|%t|$type|g; s|%U|$number|g; s|%u|$account|g")"
done
[ $# -gt 1 ] || set -- "$1" "$account"
given=$(timeout 30 runuser -u "$who" -- "$@" </dev/null 2>/dev/null) || { echo unknown; exit 0; }
case $given in *"$key"*) echo yes;; *) echo no;; esac
"""
"""Whether the program that sshd asks for the keys of an account gives this one, run as sshd does (sshd_config(5), AuthorizedKeysCommand).

A refusal by sshd does not tell that: it refuses as well while the program fails."""
