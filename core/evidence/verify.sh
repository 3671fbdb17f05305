#!/bin/sh
# Check the evidence bundle of a client exit.  Usage: sh verify.sh [EXPECTED-KEYS]
# Needs a POSIX shell, GNU coreutils, openssl 3 and ssh-keygen (OpenSSH 8.1 or later), and nothing of ours.
# EXPECTED-KEYS: a file with the keys as you received them at kick-off, by another way than this bundle: the log's
# verifier key, and the lines of allowed_signers or SHA256 fingerprints.
# Exit code: 0 all checks OK; 1 a check failed; 2 a check could not be made ("incomplete"), which is not a success.
set -u
LC_ALL=C
export LC_ALL
failed=0 incomplete=0

plain() { printf '%s' "$1" | tr -c '[:print:]' '?' | head -c 300; }
ok() { printf 'OK         %s\n' "$(plain "$1")"; }
fail() { printf 'FAIL       %s\n' "$(plain "$1")"; failed=1; }
unable() { printf 'INCOMPLETE %s\n' "$(plain "$1")"; incomplete=1; }
finish() {
    if [ "$failed" = 1 ]; then echo 'FAILED: do not rely on this bundle.'; exit 1; fi
    if [ "$incomplete" = 1 ]; then echo 'incomplete: not every check could be made here.'; exit 2; fi
    echo 'All checks of this script OK.'
    exit 0
}

for tool in sha256sum base64 cut tr sort comm head tail od cat mktemp openssl ssh-keygen; do
    command -v "$tool" >/dev/null 2>&1 || { printf 'INCOMPLETE %s is not installed\n' "$tool"; incomplete=1; }
done
[ "$incomplete" = 0 ] || finish
expected=''
if [ $# -gt 0 ]; then
    expected=$(cat "$1"; echo .) || { echo "INCOMPLETE the file of expected keys cannot be read: $1"; incomplete=1; finish; }
    expected=${expected%.}
fi
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

# --- files: all of them, nothing else, with the sums that the manifests give ---------------------------------------------
walk() { # prints every file below $1; a link or a device or a strange name is foreign by itself
    for one in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        name=${one#./}
        if [ -h "$one" ]; then echo "link:$(plain "$name")"
        elif [ -d "$one" ]; then walk "$one"
        elif [ -f "$one" ]; then case $name in *[!A-Za-z0-9@._+/-]*) echo "name:$(plain "$name")" ;; *) echo "$name" ;; esac
        elif [ -e "$one" ]; then echo "device:$(plain "$name")"
        fi
    done
}
listed() { # prints the names in a manifest; a line that is not ours becomes a name that cannot be there
    tail -c 1 "$1" | od -An -tx1 | tr -d ' \n' | { read -r end; [ "${end:-0a}" = 0a ]; } || echo "line:no end in $1"
    while read -r sum name; do
        case $sum in *[!0-9a-f]*) name="line:$sum" ;; esac
        case $name in *[!A-Za-z0-9@._+/-]* | /* | -* | *..* | '') echo "line:$(plain "$name")" ;; *) echo "$name" ;; esac
    done <"$1"
}
for one in manifest-sha256.txt tagmanifest-sha256.txt tagmanifest-sha256.txt.sig data/ledger.jsonl data/checkpoint data/log.vkey \
    data/log.pub.pem data/allowed_signers; do
    { [ -f "$one" ] && [ ! -h "$one" ]; } || fail "$one is missing or a link"
done
{ [ -d data ] && [ ! -h data ]; } || fail 'data is missing or a link'
[ "$failed" = 0 ] || finish
{ listed manifest-sha256.txt; listed tagmanifest-sha256.txt; echo tagmanifest-sha256.txt; echo tagmanifest-sha256.txt.sig; } | sort >"$work/listed"
walk . | sort >"$work/there"
missing=$(comm -23 "$work/listed" "$work/there" | tr '\n' ' ')
foreign=$(comm -13 "$work/listed" "$work/there" | tr '\n' ' ')
if [ -n "$missing" ]; then fail "files: missing, or twice in the manifests: $missing"; fi
if [ -n "$foreign" ]; then fail "files: foreign (in no manifest): $foreign"; fi
if [ -z "$missing$foreign" ]; then
    ok 'files: all are there, and no other'
    for one in tagmanifest-sha256.txt manifest-sha256.txt; do
        if wrong=$(sha256sum --quiet --strict -c "$one" 2>&1); then ok "sums: $one"; else fail "sums: $one: $wrong"; fi
    done
fi

# --- checkpoint: the log key's Ed25519 signature over size and root (C2SP signed note) -----------------------------------
hex() { od -An -v -tx1 | tr -d ' \n'; }
vkey=$(head -c 1000 data/log.vkey)
origin=${vkey%%+*} rest=${vkey#*+}
key_id=${rest%%+*} key=${rest#*+}
domain=${origin%%/*}
printf '%s' "$key" | base64 -d >"$work/typed" 2>/dev/null
tail -c 32 "$work/typed" >"$work/public"
own_id=$({ printf '%s\n' "$origin"; cat "$work/typed"; } | sha256sum | cut -c 1-8)
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/public"; } | base64 -w 0 >"$work/der"
{ echo '-----BEGIN PUBLIC KEY-----'; cat "$work/der"; echo; echo '-----END PUBLIC KEY-----'; } >"$work/pem"
head -n 3 data/checkpoint >"$work/text"
signature=$(tail -n +5 data/checkpoint | while read -r dash name blob; do
    [ "$name" = "$origin" ] && [ "$(printf '%s' "$blob" | base64 -d 2>/dev/null | head -c 4 | hex)" = "$key_id" ] && echo "$blob"
done | head -n 1)
printf '%s' "$signature" | base64 -d 2>/dev/null | tail -c +5 >"$work/signature"
if [ "$own_id" != "$key_id" ] || [ "$(head -c 1 "$work/typed" | hex)" != 01 ] || [ "$(cat "$work/pem")" != "$(cat data/log.pub.pem)" ]; then
    fail 'checkpoint: log.vkey and log.pub.pem are not one Ed25519 key'
elif [ -z "$signature" ] || [ "$(head -n 1 "$work/text")" != "$origin" ] || [ -n "$(tail -n +4 data/checkpoint | head -n 1)" ]; then
    fail 'checkpoint: not a signed note by the key in log.vkey'
else
    case $(openssl pkeyutl -help 2>&1) in
        *-rawin*)
            if openssl pkeyutl -verify -pubin -inkey "$work/pem" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1; then
                ok "checkpoint: signed by the log key; $(head -n 2 "$work/text" | tail -n 1) entries"
            else fail 'checkpoint: the log key did not sign it'; fi ;;
        *) unable 'checkpoint: this openssl cannot check Ed25519 (pkeyutl -rawin, OpenSSL 3)' ;;
    esac
fi

# --- seal: the same key's signature over the list of all files ------------------------------------------------------------
{ printf '\000\000\000\013ssh-ed25519\000\000\000\040'; cat "$work/public"; } | base64 -w 0 >"$work/blob"
printf 'log@bundle namespaces="offboard-evidence@%s" ssh-ed25519 %s\n' "$domain" "$(cat "$work/blob")" >"$work/log"
if ssh-keygen -Y verify -f "$work/log" -I log@bundle -n "offboard-evidence@$domain" -s tagmanifest-sha256.txt.sig \
    <tagmanifest-sha256.txt >/dev/null 2>&1; then
    ok 'seal: the list of all files is signed by the log key'
else fail 'seal: the list of all files is not signed by the log key'; fi

# --- people's statements: each signed by its own person's key, for its own purpose ----------------------------------------
: >"$work/keys"
signers_ok=1
while read -r principal names type blob more; do
    case $principal in \#* | *[*?!,\"]* | '') signers_ok=0 ;; *@*) ;; *) signers_ok=0 ;; esac
    case $names in namespaces=\"*\") ;; *) signers_ok=0 ;; esac
    case $type in ssh-ed25519 | ssh-rsa | ecdsa-sha2-nistp* | sk-*@openssh.com) ;; *) signers_ok=0 ;; esac
    [ -n "$blob" ] && [ -z "$more" ] || signers_ok=0
    print=$(printf '%s' "$blob" | base64 -d 2>/dev/null | openssl dgst -sha256 -binary | base64 | tr -d '=')
    printf 'SHA256:%s %s\n' "$print" "$principal" >>"$work/keys"
done <data/allowed_signers
[ "$signers_ok" = 1 ] || fail 'signatures: allowed_signers has a line that is not ours'
count=0
for text in data/statements/*.txt; do
    [ -f "$text" ] || continue
    count=$((count + 1))
    number=${text#data/statements/} && number=${number%%-*}
    case $number in '' | *[!0-9]*) fail "signatures: $text has no entry number"; continue ;; esac
    entry=$(tail -n "+$((number + 1))" data/ledger.jsonl | head -n 1)
    # The principal and the sum as the ledger has them. A quote inside a JSON string is escaped, so these marks occur once.
    principal=${entry#*\"principal\":\"} && principal=${principal%%\"*}
    purpose=$(head -n 1 "$text") && purpose=${purpose#offboard-} && purpose=${purpose%/v1}
    case $purpose in '' | *[!a-z]*) fail "signatures: $text states no purpose"; continue ;; esac
    sum=$(sha256sum <"$text" | cut -c 1-64)
    case $entry in
        *"\"subject\":\"$purpose\"}") ;;
        *) fail "signatures: $text is not a statement of entry $number"; continue ;;
    esac
    case $entry in
        *"\"text-sha256\":\"$sum\""*) ;;
        *) fail "signatures: $text is not the text that entry $number has"; continue ;;
    esac
    if ssh-keygen -Y verify -f data/allowed_signers -I "$principal" -n "offboard-$purpose@$domain" -s "$text.sig" \
        <"$text" >/dev/null 2>&1; then ok "signatures: $text by $principal"; else fail "signatures: $text is not signed by $principal"; fi
done
ok "signatures: $count statements looked at"

# --- keys -----------------------------------------------------------------------------------------------------------------
if [ $# -eq 0 ]; then
    echo 'The keys inside a bundle prove nothing by themselves: whoever forges a bundle puts in keys of his own.'
    echo 'Compare these with the keys that you received at kick-off (or give them in a file: sh verify.sh EXPECTED-KEYS):'
    printf '%s\n' "$vkey" | tr -cd '[:print:]\n'
    tr -cd '[:print:]\n' <"$work/keys"
else
    given() { case "
$expected
" in *"
$1
"*) return 0 ;; *) return 1 ;; esac; }
    has_log=0 has_people=0 strangers=''
    while read -r line; do
        case $line in '' | \#*) ;; *' '* | SHA256:*) has_people=1 ;; *+*+*) has_log=1 ;; *) has_people=1 ;; esac
    done <<END
$expected
END
    while read -r line <&3 && read -r print principal <&4; do
        given "$line" || given "$print" || given "$print $principal" || strangers="$strangers $principal $print"
    done 3<data/allowed_signers 4<"$work/keys"
    if [ "$has_log" = 0 ]; then unable 'keys: the file of expected keys holds no log key'
    elif given "$vkey"; then ok 'keys: the log key is the one that you received'
    else fail 'keys: the log key is not the one that you received'; fi
    if [ "$has_people" = 0 ]; then unable 'keys: the file of expected keys holds no signers'
    elif [ -z "$strangers" ]; then ok 'keys: the signers are those that you received'
    else fail "keys: not among the signers that you received:$strangers"; fi
fi
echo 'Not checked here: that the entries are those under the signed root, and the rules over them. verify.py checks these.'
finish
