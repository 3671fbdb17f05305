#!/bin/sh
# Check the evidence bundle of a client exit.  Usage: sh verify.sh [--redacted] [EXPECTED-KEYS]
# Needs a POSIX shell, GNU coreutils, openssl 3 and ssh-keygen (OpenSSH 8.1; 9.1 if keys count for a time only), and nothing of ours.
# EXPECTED-KEYS: a file with the keys as you received them at kick-off, by another way than this bundle: the log's
# verifier key, the lines of allowed_signers or SHA256 fingerprints, and, if you have them, fingerprints of time stamping
# authorities' roots as `openssl x509 -noout -fingerprint -sha256` prints them.
# Exit code: 0 all checks OK; 1 a check failed; 2 a check could not be made ("incomplete"), which is not a success.
# A bundle that withholds entries is incomplete, unless you say with --redacted that it is what you were promised.
set -u
LC_ALL=C TZ=UTC0
export LC_ALL TZ
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

redacted=0
if [ "${1:-}" = --redacted ]; then redacted=1; shift; fi
for tool in sha256sum base64 cut tr sort comm head tail od cat wc date mktemp openssl ssh-keygen; do
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
    data/log.pub.pem data/log-keys.tsv data/anchors.tsv data/allowed_signers; do
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

# --- checkpoints: the log key's Ed25519 signature over size and root (C2SP signed note) -------------------------------------
hex() { od -An -v -tx1 | tr -d ' \n'; }
open_key() { # takes a verifier key apart: name, key_id; the key itself goes to $work/public and, for openssl, to $work/pem
    name=${1%%+*} rest=${1#*+}
    key_id=${rest%%+*}
    printf '%s' "${rest#*+}" | base64 -d >"$work/typed" 2>/dev/null
    tail -c 32 "$work/typed" >"$work/public"
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/public"; } | base64 -w 0 >"$work/der"
    { echo '-----BEGIN PUBLIC KEY-----'; cat "$work/der"; echo; echo '-----END PUBLIC KEY-----'; } >"$work/pem"
    own_id=$({ printf '%s\n' "$name"; cat "$work/typed"; } | sha256sum | cut -c 1-8)
    [ "$own_id" = "$key_id" ] && [ "$(head -c 1 "$work/typed" | hex)" = 01 ]
}
nth() { tail -n "+$2" "$1" | head -n 1; }
signed_note() { # sees that the key $2 signed the note in the file $1; its text goes to $work/text
    open_key "$2" || return 1
    while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1" >"$work/text"
    rows=$(wc -l <"$work/text")
    [ "$rows" -ge 3 ] && [ "$(nth "$work/text" 1)" = "$name" ] || return 1
    signature=$(tail -n "+$((rows + 2))" "$1" | while read -r dash who blob; do
        [ "$who" = "$name" ] && [ "$(printf '%s' "$blob" | base64 -d 2>/dev/null | head -c 4 | hex)" = "$key_id" ] && echo "$blob"
    done | head -n 1)
    printf '%s' "$signature" | base64 -d 2>/dev/null | tail -c +5 >"$work/signature"
    openssl pkeyutl -verify -pubin -inkey "$work/pem" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1
}
case $(openssl pkeyutl -help 2>&1) in
    *-rawin*) ;;
    *) unable 'this openssl cannot check Ed25519 (pkeyutl -rawin, OpenSSL 3)'; finish ;;
esac
vkey=$(head -c 1000 data/log.vkey)
domain=${vkey%%+*} && domain=${domain%%/*}
if ! open_key "$vkey" || [ "$(cat "$work/pem")" != "$(cat data/log.pub.pem)" ]; then
    fail 'checkpoint: log.vkey and log.pub.pem are not one Ed25519 key'
elif signed_note data/checkpoint "$vkey"; then ok "checkpoint: signed by the log key; $(nth "$work/text" 2) entries"
else fail 'checkpoint: not a note that the key in log.vkey signed'; fi
cat "$work/public" >"$work/log-public"

# --- entries: their lines in the ledger; where entries are withheld, shown.txt numbers the lines that are there ---------------
if [ -e data/leaves.txt ]; then
    while IFS='	' read -r number more; do echo "$number"; done <data/shown.txt >"$work/numbers"
    [ "$redacted" = 1 ] || unable 'this bundle withholds entries (--redacted accepts that)'
fi
entry_line() { # prints the line of entry $1
    at=$(($1 + 1))
    if [ -e data/leaves.txt ]; then
        at=0
        while read -r number; do at=$((at + 1)); [ "$number" = "$1" ] && break; done <"$work/numbers"
    fi
    nth data/ledger.jsonl "$at"
}
value() { # prints the text under the name $2 in the line $1 of an entry. A quote inside a JSON string is escaped, so the mark is a name.
    case $1 in *"\"$2\":\""*) printf '%b' "$(rest=${1#*\"$2\":\"}; printf '%s' "${rest%%\"*}")" ;; esac
}
moment() { # prints when an entry was written, as ssh-keygen takes it; nothing if all keys count without limit
    case $limits in *valid-*) value "$1" at | tr -cd 0-9 | cut -c 1-14 ;; esac
}
limits=$(cat data/allowed_signers)
ssh_signed() { # sees that the person $1 signed standard input for $2 with the signature in $3, at the time $4
    ssh-keygen -Y verify -f data/allowed_signers -I "$1" -n "offboard-$2@$domain" -s "$3" ${4:+-O "verify-time=$4"} >/dev/null 2>&1
}

# --- the log's keys: each signed what was before it, and the next ------------------------------------------------------------
: >"$work/handed" # from which size on which key signs
before=''
while IFS='	' read -r number old new; do
    entry=$(entry_line "$number")
    value "$entry" old-signature >"$work/note"
    [ -n "$before" ] || printf '0 %s\n' "$old" >>"$work/handed"
    printf '%s %s\n' "$((number + 1))" "$new" >>"$work/handed"
    if [ "${before:-$old}" = "$old" ] && [ "$(value "$entry" old-vkey)" = "$old" ] && [ "$(value "$entry" new-vkey)" = "$new" ] &&
        signed_note "$work/note" "$old" && [ "$(nth "$work/text" 2)" = "$number" ] && [ "$(nth "$work/text" 4)" = "next-key $new" ]; then
        ok "log keys: entry $number hands over, signed by the key before"
    else fail "log keys: entry $number replaces the log's key, and the key before did not sign that"; fi
    before=$new
done <data/log-keys.tsv
[ "${before:-$vkey}" = "$vkey" ] || fail 'log keys: log.vkey is not the key to which the ledger hands over'
[ -n "$before" ] || printf '0 %s\n' "$vkey" >"$work/handed"

# --- anchors: earlier checkpoints, signed by the log key of their time, which others stamped or signed ------------------------
prints() { # prints the fingerprints of all certificates in a PEM file
    pem=''
    while IFS= read -r line; do
        pem="$pem$line
"
        case $line in *'END CERTIFICATE'*) printf '%s' "$pem" | openssl x509 -noout -fingerprint -sha256 2>&1; pem='' ;; esac
    done <"$1"
}
stamped() { # sees that the token $1 is over the file $2, by the roots $3, as of the time that it states
    stated=$(openssl ts -reply -in "$1" -token_out -text 2>/dev/null | while IFS= read -r line; do
        case $line in 'Time stamp: '*) printf '%s' "${line#Time stamp: }"; break ;; esac
    done)
    second=$(date -u -d "${stated:-none}" +%s 2>/dev/null) || return 1
    openssl ts -verify -in "$1" -data "$2" -CAfile "$3" -attime "$second" >/dev/null 2>&1
}
: >"$work/roots"
while IFS='	' read -r number how size note token roots by; do
    what="anchor: entry $number, $how of the checkpoint of size $size"
    case "$number$size" in *[!0-9]* | '') fail 'anchors: anchors.tsv has a line that is not ours'; continue ;; esac
    case "$note $token $roots" in *[!0-9a-f\ -]*) fail 'anchors: anchors.tsv has a line that is not ours'; continue ;; esac
    entry=$(entry_line "$number")
    key=$(while read -r since one; do if [ "$since" -le "$size" ]; then echo "$one"; fi; done <"$work/handed" | tail -n 1)
    if [ "$(value "$entry" checkpoint-document)" != "$note" ] || [ "$(value "$entry" how)" != "$how" ]; then
        fail "$what: the entry says something else"
    elif [ "$(sha256sum <"data/documents/$note" | cut -c 1-64)" != "$note" ]; then fail "$what: the checkpoint was altered"
    elif ! signed_note "data/documents/$note" "$key" || [ "$(nth "$work/text" 2)" != "$size" ]; then
        fail "$what: the log key did not sign it"
    else
        case $how in
            time-stamp)
                prints "data/documents/$roots" >>"$work/roots"
                if [ "$(value "$entry" token-document)$(value "$entry" roots-document)" != "$token$roots" ]; then
                    fail "$what: the entry names another token"
                elif stamped "data/documents/$token" "data/documents/$note" "data/documents/$roots"; then ok "$what, stamped $stated"
                else fail "$what: the time stamp does not hold"; fi ;;
            cosignature)
                value "$entry" signature >"$work/armor"
                if [ "$(value "$entry" by)" = "$by" ] &&
                    ssh_signed "$by" checkpoint "$work/armor" "$(moment "$entry")" <"data/documents/$note"; then ok "$what, by $by"
                else fail "$what: not signed by $by"; fi ;;
            *) ok "$what" ;;
        esac
    fi
done <data/anchors.tsv

# --- seal: the same key's signature over the list of all files ------------------------------------------------------------
{ printf '\000\000\000\013ssh-ed25519\000\000\000\040'; cat "$work/log-public"; } | base64 -w 0 >"$work/blob"
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
    entry=$(entry_line "$number")
    principal=$(value "$entry" principal)
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
    if ssh_signed "$principal" "$purpose" "$text.sig" "$(moment "$entry")" <"$text"; then ok "signatures: $text by $principal"
    else fail "signatures: $text is not signed by $principal"; fi
done
ok "signatures: $count statements looked at"

# --- values about persons, of which the entries hold salted hashes alone: salted:SHA-256(salt, value) ---------------------------
bytes() { # prints the bytes that $1 spells in hex
    digits=$1
    while [ -n "$digits" ]; do
        more=${digits#??}
        printf '%b' "\\0$(printf %03o "0x${digits%"$more"}")"
        digits=$more
    done
}
if [ -e data/personal.tsv ]; then
    personal_ok=1 tab='	'
    [ -z "$(tail -c 1 data/personal.tsv | tr -d '\n')" ] && sort -c -u data/personal.tsv 2>/dev/null &&
        [ "$(tr -d '\000-\010\013-\037\177' <data/personal.tsv | wc -c)" = "$(wc -c <data/personal.tsv)" ] || personal_ok=0
    while IFS= read -r line; do
        commitment=${line%%"$tab"*} rest=${line#*"$tab"}
        salt=${rest%%"$tab"*} value=${rest#*"$tab"}
        case $salt in *[!0-9a-f]*) salt='' ;; esac
        case $value in *"$tab"* | '') salt='' ;; esac
        sum=$({ bytes "$salt"; printf '%s' "$value"; } | sha256sum | cut -c 1-64)
        if [ "${#salt}" = 64 ] && [ "$commitment" = "salted:$sum" ]; then echo "$sum" >&3
        else fail "personal: $value is not what $commitment commits to"; personal_ok=0; fi
    done <data/personal.tsv 3>"$work/opened"
    tr -c '0-9a-f' '\n' <data/ledger.jsonl | sort -u >"$work/hashes"
    [ -z "$(sort -u "$work/opened" | comm -23 - "$work/hashes")" ] || personal_ok=0
    if [ "$personal_ok" = 1 ]; then ok "personal: $(($(wc -l <"$work/opened"))) values about persons, each with its salted hash in the entries"
    else fail 'personal: personal.tsv has a line that is wrong, or of which no entry holds the salted hash'; fi
fi

# --- the certificate about inventories: in-toto in DSSE, signed by the log key ------------------------------------------------
if [ -e data/certificate.dsse.json ]; then
    envelope=$(cat data/certificate.dsse.json)
    kind=$(value "$envelope" payloadType)
    value "$envelope" payload | base64 -d >"$work/payload" 2>/dev/null
    value "$envelope" sig | base64 -d >"$work/signature" 2>/dev/null
    { printf 'DSSEv1 %s %s %s ' "${#kind}" "$kind" "$(($(wc -c <"$work/payload")))"; cat "$work/payload"; } >"$work/text"
    if openssl pkeyutl -verify -pubin -inkey data/log.pub.pem -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1; then
        ok 'certificate: signed by the log key'
    else fail 'certificate: not signed by the log key'; fi
fi

# --- keys -----------------------------------------------------------------------------------------------------------------
if [ $# -eq 0 ]; then
    echo 'The keys inside a bundle prove nothing by themselves: whoever forges a bundle puts in keys of his own.'
    echo 'Compare these with the keys that you received at kick-off (or give them in a file: sh verify.sh EXPECTED-KEYS):'
    printf '%s\n' "$vkey" | tr -cd '[:print:]\n'
    tr -cd '[:print:]\n' <"$work/keys"
    sort -u "$work/roots" | tr -cd '[:print:]\n'
else
    given() { case "
$expected
" in *"
$1
"*) return 0 ;; *) return 1 ;; esac; }
    has_log=0 has_people=0 has_roots=0 strangers='' odd_roots=''
    while read -r line; do
        case $line in '' | \#*) ;; [Ss][Hh][Aa]256\ Fingerprint=*) has_roots=1 ;; *' '* | SHA256:*) has_people=1 ;; *+*+*) has_log=1 ;; *) has_people=1 ;; esac
    done <<END
$expected
END
    while read -r who names key <&3 && read -r print principal <&4; do # a limit to a key's time may have been set since
        given "$who $names $key" || given "$who ${names%%,valid-*} $key" || given "$print" || given "$print $principal" ||
            strangers="$strangers $principal $print"
    done 3<data/allowed_signers 4<"$work/keys"
    while read -r line; do
        given "$line" || given "SHA256${line#sha256}" || odd_roots="$odd_roots $line"
    done <"$work/roots"
    key_known=0
    while read -r since line; do if given "$line"; then key_known=1; fi; done <"$work/handed"
    if [ "$has_log" = 0 ]; then unable 'keys: the file of expected keys holds no log key'
    elif [ "$key_known" = 1 ]; then ok 'keys: the log key is the one that you received'
    else fail 'keys: the log key is not the one that you received'; fi
    if [ "$has_people" = 0 ]; then unable 'keys: the file of expected keys holds no signers'
    elif [ -z "$strangers" ]; then ok 'keys: the signers are those that you received'
    else fail "keys: not among the signers that you received:$strangers"; fi
    if [ -z "$odd_roots" ]; then :
    elif [ "$has_roots" = 1 ]; then fail "keys: not among the roots of time stamps that you received:$odd_roots"
    else echo "The time stamps' roots are the bundle's own and prove nothing: compare their fingerprints:$(plain "$odd_roots")"; fi
fi
echo 'Not checked here: that the entries are those under the signed roots, and the rules over them. verify.py checks these.'
finish
