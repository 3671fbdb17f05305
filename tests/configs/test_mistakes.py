"""What people read when a file is wrong, word for word."""

from collections.abc import Callable

import pytest

KINDS = "folder, microsoft365, s3_bucket, ssh_command, ssh_host"
OURS_2027 = "cutoff: 2027-12-31T17:00"
VANCOUVER = "time_zone: America/Vancouver"
ADA = "AAAAC3NzaC1lZDI1NTE5AAAAIIl+n0UxYXe7uPROrrz2dhWIT5Rg7ibhzB6e3UmuRmO0"
BEN = "AAAAC3NzaC1lZDI1NTE5AAAAIECr4xwjD6Hg+AiAalVY139cpg/XLfbGuXmkAZ01LFpX"
ROSA = "AAAAC3NzaC1lZDI1NTE5AAAAIBjOqjcV95nb+VTK6yObvQgVEBw5ttBO9KrL1YRwMGe9"
WORKER = "AAAAC3NzaC1lZDI1NTE5AAAAIKenVNPikwOijhrD0cPhVF4/yCc/nO98wopDBhz/pFLm"
TESS = "AAAAC3NzaC1lZDI1NTE5AAAAICLV0wkZ4GkuONse+qUWT2QH8kho4JucKWTcLNUh/717"
CLIENTS_OWN = "AAAAC3NzaC1lZDI1NTE5AAAAIIRFKAdEw8t48HdPw/p8AZS9URibaeBQeaKDIS93pwnr"
REMEDY = "    - 2027-06-15 offer to bring in multi-factor authentication free of charge\n"
EVIDENCE = (
    "    - 2027-03-02 recommendation by letter, declined by mail on 2027-03-09\n"
    "    - 2027-06-15 recommendation in the quarterly review, declined in its minutes\n"
    "    - 2027-09-14 last recommendation, declined by phone (note of the call in ticket 48213)\n"
)
SUCCESSOR = (
    "successor: # the provider that takes over; leave the section out while there is none\n"
    "  name: Tideline Technology\n  address: onboarding@tideline.example\n"
)
CLIENT_KEY = "age1lx7ajn8fyepyj4ep276ztucvs09063w4dzrugnjrma7fyym4pecqd4d320"
SUCCESSOR_KEY = "age140g6snqna8jdwq08lkhd7v7ja2ys8f2unhjcf7apl3vhzamj9glsj7mcmy"
NOT_BASE64 = (
    "this is not an OpenSSH public key: its second word is not base64; "
    "give the one line of the .pub file, e.g. ~/.ssh/id_ed25519.pub; never the private key beside it"
)
NO_ID = (
    "this has not the right form; what belongs here: an id of 36 characters, as 9a4be1c4-0d0b-4b6a-a3a9-8a1c5be0de12 is one; "
    "no name, no domain and no address"
)
TENANT_BY_NAMES = """  - kind: entra_tenant
    name: tenant
    tenant_id: harbourdental.onmicrosoft.com
    access:
      client_id: 0f7c2b7e-2f0e-4a64-8f0e-1d2f6a0b9c11
      client_secret: env:TENANT_SECRET
    ours:
      default_holder: offboarding worker
      home_tenants: [northlight.example]
    client:
      administrators: [rosa@harbour-dental.example]
"""
OTHER_SYSTEMS = f"""  - kind: linux_host
    name: db1
    host: db1.harbour-dental.example
    user: northlight
    host_key: ssh-ed25519 {CLIENTS_OWN}
    private_key: file:keys/worker_ed25519
    accounts:
      - name: northlight
        holder: offboarding worker
      - name: tess
        holder: Tess Marlowe
    authorities:
      - key: ssh-ed25519 {TESS}
        holder: somebody quite different
    agents:
      - unit: monitoring.service
        holder: ofboarding worker
    client_keys: [ssh-ed25519 {CLIENTS_OWN}]
    client_admins: [admin]
  - kind: aws_account
    name: cloud
    account_id: "111122223333"
    regions: [ca-central-1]
    access:
      access_key: env:CLOUD_KEY
      secret_key: env:CLOUD_SECRET
    ours:
      users:
        - name: tess
          holder: Tess Marlow
        - name: worker
          holder: offboarding-worker
      accounts:
        - id: "444455556666"
          holder: tess@northlight.example

"""

MISTAKES = {
    "a field with a slip": (
        [("  name: Northlight IT Services", "  nmae: Northlight IT Services")],
        (
            "acme.yaml:10:3: provider.name: this field is missing; add it\n"
            "acme.yaml:10:3: provider.nmae: this field is not known; did you mean name?"
        ),
    ),
    "a field that is not known": (
        [("  name: Northlight IT Services\n", "  name: Northlight IT Services\n  phone: 555\n")],
        "acme.yaml:11:3: provider.phone: this field is not known; remove it, or use one of: name, domain, address",
    ),
    "a field of a connector with a slip": (
        [("    user: northlight", "    usr: northlight")],
        (
            "acme.yaml:104:5: data_sources.0.user: this field is missing; add it\n"
            "acme.yaml:108:5: data_sources.0.usr: this field is not known; did you mean user?"
        ),
    ),
    "a section with a slip": (
        [("document_sources:", "document_source:")],
        (
            "acme.yaml:9:1: document_sources: this field is missing; add it (where documents for the handover package are read)\n"
            "acme.yaml:163:1: document_source: this field is not known; did you mean document_sources?"
        ),
    ),
    "nothing after the colon": (
        [("  name: Northlight IT Services", "  name:")],
        "acme.yaml:10:8: provider.name: there is nothing here; write a value ([] for an empty list), or leave the field out",
    ),
    "a list where a text belongs": (
        [("  name: Northlight IT Services", "  name: [a]")],
        "acme.yaml:10:9: provider.name: one text is expected here, not a list and not fields of its own",
    ),
    "a text where a list belongs": (
        [("paths:\n      - /srv/shares\n      - /srv/www", "paths: /srv")],
        (
            "acme.yaml:111:12: data_sources.0.paths: a list is expected here; begin each item with `- ` on a line of its own, "
            "or write [] for none"
        ),
    ),
    "a reason that is none": (
        [("  reason: security_refusal", "  reason: dread")],
        (
            "acme.yaml:26:11: decision.reason: write one of: client_leaves, not_a_fit, non_payment, unprofitable, scope_creep, "
            "non_communicating, ignores_instructions, security_refusal, unethical, abuse, crime"
        ),
    ),
    "a kind that is none": (
        [("  - kind: ssh_host", "  - kind: ssh")],
        f"acme.yaml:104:11: data_sources.0.kind: this kind is not known; write one of: {KINDS}",
    ),
    "no kind": (
        [("  - kind: ssh_host\n    name", "  - name")],
        f"acme.yaml:104:5: data_sources.0.kind: this field is missing; add one of: {KINDS}",
    ),
    "forms of values": (
        [
            ("slug: harbour-dental", "slug: Harbour Dental"),
            ("decided_on: 2027-10-01", "decided_on: last week"),
            ("principal: ada@north", "principal: ada at north"),
            ("negative_login_consent: yes", "negative_login_consent: maybe"),
            ("second_check_after: 02:00:00", "second_check_after: two hours"),
            ("port: 22\n", "port: twenty\n"),
            ("port: 22\n", "port: 99999\n"),
        ],
        (
            "acme.yaml:15:9: client.slug: this has not the right form; "
            "use lower case letters, digits and single dashes only, e.g. harbour-dental\n"
            "acme.yaml:37:15: decision.decided_on: write a date as 2026-12-31\n"
            "acme.yaml:54:16: people.0.principal: this has not the right form; write it like an e-mail address, e.g. ada@example.com\n"
            "acme.yaml:98:25: negative_login_consent: write yes or no\n"
            "acme.yaml:99:21: second_check_after: write a length of time as 02:30:00 (hours, minutes, seconds), or as 7 days\n"
            "acme.yaml:107:11: data_sources.0.port: write a whole number\n"
            "acme.yaml:122:11: access_targets.0.port: write a number that is at most 65535"
        ),
    ),
    "a cutoff that the clocks leave out": (
        [(OURS_2027, "cutoff: 2027-03-14T02:30"), (VANCOUVER, "time_zone: America/Los_Angeles")],
        (
            "acme.yaml:21:9: cutoff: the clocks in America/Los_Angeles leave this time out on that day; "
            "write 2027-03-14T01:59-08:00 or earlier, or 2027-03-14T03:00-07:00 or later"
        ),
    ),
    "a cutoff that the clocks show twice": (
        [(OURS_2027, "cutoff: 2027-10-31T02:30"), (VANCOUVER, "time_zone: Europe/Berlin")],
        (
            "acme.yaml:21:9: cutoff: the clocks in Europe/Berlin show this time twice on that day; "
            "write 2027-10-31T02:30+02:00 or 2027-10-31T02:30+01:00"
        ),
    ),
    "no zone and no form of a cutoff": (
        [(OURS_2027, "cutoff: 31.12.2027"), (VANCOUVER, "time_zone: Amerika/Vancouver")],
        (
            "acme.yaml:18:14: client.time_zone: this is not an IANA time zone; did you mean America/Vancouver?\n"
            "acme.yaml:21:9: cutoff: write date and local time as 2026-12-31T17:00"
        ),
    ),
    "a cutoff that is a list": (
        [(OURS_2027, "cutoff: [soon]")],
        (
            "acme.yaml:21:9: cutoff: one text is expected here "
            "(when our access ends: local time in the client's time zone, e.g. 2026-12-31T17:00)"
        ),
    ),
    "one executive, nobody for the client": (
        [("role: executive", "role: technician"), ("role: client", "role: successor"), ("party: client", "party: successor")],
        (
            "acme.yaml:54:3: people: there must be two persons with role: executive, since two sign the plan; add who is missing\n"
            "acme.yaml:54:3: people: nobody has role: client; add the person at the client who signs for it\n"
            "acme.yaml:92:3: recipients: nothing is encrypted to the client; add a recipient with party: client"
        ),
    ),
    "nobody to arm it": (
        [("role: technician", "role: executive")],
        "acme.yaml:54:3: people: nobody has role: technician; add who of us arms the cutoff beside an executive and the client",
    ),
    "the same twice": (
        [
            ("principal: ben@", "principal: ada@"),
            (BEN, ADA),
            (SUCCESSOR_KEY, CLIENT_KEY),
            ("name: offboarding worker", "name: Tess Marlow"),
            ("name: scans", "name: files"),
            ("path: out/delta", "path: out/archive"),
        ],
        (
            "acme.yaml:54:3: people: there must be two persons with role: executive, since two sign the plan; add who is missing\n"
            "acme.yaml:59:16: people.1.principal: this principal belongs to another person in the list already; give each their own\n"
            "acme.yaml:63:9: people.1.keys.0: this key belongs to people.0 already; every key belongs to one person, once\n"
            "acme.yaml:85:11: holders.1.name: this name is in the list already; give each holder their own\n"
            "acme.yaml:95:10: recipients.1.age: recipients.0 has this key already; each party needs a key of its own, named once\n"
            "acme.yaml:115:11: data_sources.1.name: this name is taken in this section already; give each its own\n"
            "acme.yaml:144:19: access_targets.1.ours.accounts.0.holder: nobody under holders has this name; "
            "there are: Tess Marlow, Tess Marlow\n"
            "acme.yaml:151:19: access_targets.1.ours.addresses.0.holder: nobody under holders has this name; "
            "there are: Tess Marlow, Tess Marlow\n"
            "acme.yaml:177:3: delta_store: this is the same place as archive_store; each store needs its own"
        ),
    ),
    "keys that are none, or not ours": (
        [(ADA, "xyz!"), (WORKER, ROSA), (CLIENT_KEY, "ecdsa-sha2-nistp256 AAAA")],
        (
            f"acme.yaml:58:9: people.0.keys.0: {NOT_BASE64}\n"
            "acme.yaml:87:9: holders.1.keys.0: this key belongs to a person of the client or successor, whose access stays; "
            "name keys of ours only\n"
            "acme.yaml:93:10: recipients.0.age: a recipient is refused: age cannot encrypt to this kind of SSH key: "
            "ask for an ssh-ed25519, ssh-rsa or age1… key"
        ),
    ),
    "a successor that is not named": (
        [(SUCCESSOR, "")],
        (
            "acme.yaml:73:11: people.4.role: this names the successor, but there is no section successor; add it, or remove this\n"
            "acme.yaml:91:12: recipients.1.party: this names the successor, but there is no section successor; add it, or remove this"
        ),
    ),
    "no remedies": (
        [("  remedies_tried:\n" + REMEDY, "")],
        (
            "acme.yaml:26:3: decision.remedies_tried: name at least one remedy that was tried; "
            "only these reasons do without: abuse, crime, unethical, client_leaves"
        ),
    ),
    "one human twice": (
        [("name: Ben Ostrow", "name: ada  quist")],
        (
            "acme.yaml:60:11: people.1.name: people.0 has this name already, and two principals of one human would make two executives; "
            "leave one out, or if they are two, write their names so that they differ"
        ),
    ),
    "a key of ours for the client's": (
        [
            (CLIENTS_OWN, f"{ADA} ada"),
            (
                "  - kind: aws_account",
                f"      - ssh-ed25519 {TESS}\n      - ssh-ed25519   {WORKER} x\n      - ssh-ed25519 {ROSA}\n  - kind: aws_account",
            ),
        ],
        (
            "acme.yaml:131:9: access_targets.0.client_keys.0: this key is ours (people.0), so it shows nothing about the client; "
            "name a key of the client's own\n"
            "acme.yaml:132:9: access_targets.0.client_keys.1: this key is ours (people.2), so it shows nothing about the client; "
            "name a key of the client's own\n"
            "acme.yaml:133:9: access_targets.0.client_keys.2: this key is ours (holders.1), so it shows nothing about the client; "
            "name a key of the client's own"
        ),
    ),
    "holders that are none": (
        [("credential_sources:", f"{OTHER_SYSTEMS}credential_sources:")],
        (
            "acme.yaml:167:17: access_targets.2.accounts.1.holder: nobody under holders has this name; did you mean Tess Marlow?\n"
            "acme.yaml:170:17: access_targets.2.authorities.0.holder: nobody under holders has this name; "
            "there are: Tess Marlow, offboarding worker\n"
            "acme.yaml:173:17: access_targets.2.agents.0.holder: nobody under holders has this name; did you mean offboarding worker?\n"
            "acme.yaml:188:19: access_targets.3.ours.users.1.holder: nobody under holders has this name; did you mean offboarding worker?\n"
            "acme.yaml:191:19: access_targets.3.ours.accounts.0.holder: nobody under holders has this name; "
            "there are: Tess Marlow, offboarding worker"
        ),
    ),
    "names where a tenant at Microsoft has ids": (
        [("credential_sources:", f"{TENANT_BY_NAMES}credential_sources:")],
        (
            f"acme.yaml:159:16: access_targets.2.tenant_id: {NO_ID}\n"
            f"acme.yaml:165:22: access_targets.2.ours.home_tenants.0: {NO_ID}\n"
            f"acme.yaml:167:24: access_targets.2.client.administrators.0: {NO_ID}"
        ),
    ),
    "a key file with a slip": (
        [("account: backup", "acount: backup")],
        "acme.yaml:129:9: access_targets.0.authorized_keys.1.acount: this field is not known; did you mean account?",
    ),
    "a key file that is no path": (
        [("      - /home/northlight/.ssh/authorized_keys", "      - ~/.ssh/authorized_keys")],
        (
            "acme.yaml:127:9: access_targets.0.authorized_keys.0: write an absolute path in its plain form: /srv/data, "
            "without a slash at the end, without . or .."
        ),
    ),
    "key files of other shapes": (
        [("- path: /etc/ssh/keys/backup # not below", "- # not below"), ("account: backup", "account: back up\n      - [x]")],
        (
            "acme.yaml:129:9: access_targets.0.authorized_keys.1.path: this field is missing; add it\n"
            "acme.yaml:129:18: access_targets.0.authorized_keys.1.account: this has not the right form; what belongs here: "
            "whose login the file opens: needed where the path is not below /home/<account> or /root\n"
            "acme.yaml:130:9: access_targets.0.authorized_keys.2: fields are expected here, indented below; known are: path, account"
        ),
    ),
    "a key file named twice": (
        [("path: /etc/ssh/keys/backup", "path: /home/northlight/.ssh/authorized_keys")],
        (
            "acme.yaml:127:7: access_targets.0.authorized_keys: a file is named twice here; "
            "name each file once, with the one account that it opens"
        ),
    ),
    "a holder of what is ours that nobody is": (
        [
            ("        - name: tess\n          holder: Tess Marlow", "        - name: tess\n          holder: Tess"),
            ("          holder: offboarding worker\n      users", "          holder: worker\n      users"),
        ],
        (
            "acme.yaml:144:19: access_targets.1.ours.accounts.0.holder: nobody under holders has this name; "
            "there are: Tess Marlow, offboarding worker\n"
            "acme.yaml:147:19: access_targets.1.ours.users.0.holder: nobody under holders has this name; "
            "there are: Tess Marlow, offboarding worker"
        ),
    ),
    "what a connector says itself": (
        [("security: starttls", "security: none")],
        "acme.yaml:185:3: notifier: security: none is for a server on this machine alone: write starttls or tls",
    ),
    "too little": (
        [(f"keys:\n      - ssh-ed25519 {WORKER} worker", "keys: []"), (EVIDENCE, ""), ("evidence: # dated", "evidence: []")],
        (
            "acme.yaml:30:13: decision.evidence: this list is too short; it needs at least 1\n"
            "acme.yaml:83:11: holders.1.keys: this list is too short; it needs at least 1"
        ),
    ),
    "sweeps out of order": (
        [("sweeps_after: [7 days, 30 days, 90 days]", "sweeps_after: [30 days, 7 days]")],
        ("acme.yaml:195:15: sweeps_after: each has to be longer than the one before it; write them from the shortest to the longest"),
    ),
    "sweeps that cannot be": (
        [("sweeps_after: [7 days, 30 days, 90 days]", "sweeps_after: [a week, 0 days, 4000 days]")],
        (
            "acme.yaml:195:16: sweeps_after.0: write a length of time as 02:30:00 (hours, minutes, seconds), or as 7 days\n"
            "acme.yaml:195:24: sweeps_after.1: write a length of time from one second to ten years, such as 7 days\n"
            "acme.yaml:195:32: sweeps_after.2: write a length of time from one second to ten years, such as 7 days"
        ),
    ),
    "no YAML at all": (
        [("provider: # we", "provider # we")],
        "acme.yaml:10:3: a line above lacks its colon; write `field: value`, or `field:` and its fields indented below",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_every_mistake_at_its_place(what: str, changed: Callable[..., str], problems: Callable[[str], str]) -> None:
    changes, told = MISTAKES[what]
    assert problems(changed(*changes)) == told


def test_everything_at_once(changed: Callable[..., str], problems: Callable[[str], str]) -> None:
    text = changed(
        ("  domain: northlight.example #", "  domain: northlight.example\n  domain: northlight.example #"),
        (VANCOUVER, "time_zone: Nowhere"),
        ("reason: security_refusal", "reason: dread"),
        ("    - 2027-03-02 recommendation", "    - !!str 2027-03-02 recommendation"),
        (SUCCESSOR, ""),
        (ADA, "garbage"),
        ("path: vault/harbour-dental.kdbx", "path:"),
        ("  kind: smtp", "  kind: pigeon"),
    )
    places = [line.split(": ")[:2] for line in problems(text).splitlines()]
    assert places == [
        ["acme.yaml:12:3", "provider"],
        ["acme.yaml:19:14", "client.time_zone"],
        ["acme.yaml:27:11", "decision.reason"],
        ["acme.yaml:32:7", "decision.evidence.0"],
        ["acme.yaml:56:9", "people.0.keys.0"],
        ["acme.yaml:74:11", "people.4.role"],
        ["acme.yaml:92:12", "recipients.1.party"],
        ["acme.yaml:158:10", "credential_sources.0.path"],
        ["acme.yaml:183:9", "notifier.kind"],
    ]


def test_a_file_of_another_shape(problems: Callable[[str], str]) -> None:
    for text in ("hello", "- a\n- b\n"):
        assert problems(text).startswith("acme.yaml:1:1: fields are expected here, indented below; known are: provider, client, ")
    told = problems("a: b\n").splitlines()
    assert told[0].startswith("acme.yaml:1:1: provider: this field is missing; add it (We: the managed service provider")
    assert told[-1].startswith("acme.yaml:1:1: a: this field is not known; remove it, or use one of: provider, client, ")
