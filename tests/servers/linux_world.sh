# Makes a host of its own: only /etc (laid over the machine's), /run, /tmp, /home, /root and parts of /var can be written, and none of it is
# the machine's. All else is read-only. It goes with the process. Arguments:
# the size of its disk, and the name of the mount namespace that it must not be in.
set -e
[ "$$" = 1 ] && [ "$(readlink /proc/self/ns/mnt)" != "$2" ] || { echo "only as the first process of namespaces of its own"; exit 1; }
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
for place in /run /tmp /home /root /var/log /var/spool /var/tmp /dev/shm; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mount -t tmpfs -o "mode=755,size=$1" tmpfs /var/lib
chmod 1777 /tmp /var/tmp
mount -o remount,bind,ro /
mount -o remount,bind,ro /sys
mkdir -p /run/sshd /var/spool/cron
install -d -m 1730 -g crontab /var/spool/cron/crontabs
install -d -m 1770 -o daemon -g daemon /var/spool/cron/atjobs /var/spool/cron/atspool
install -m 600 -o daemon -g daemon /dev/null /var/spool/cron/atjobs/.SEQ
rm -f /etc/ssh/sshd_config.d/* /etc/ssh/ssh_host_* # in the layer of this host alone
sed -Ei '/^(root|daemon|nobody|sshd):/!d' /etc/passwd /etc/shadow # fewer accounts of the system's: its server is asked about each, every time
hostname host.example
echo 127.0.0.1 host.example >> /etc/hosts # sudo looks for its own name at each call
sed -i '/pam_loginuid/d' /etc/pam.d/sshd # the kernel lets a login be named once only, outside
sed -i 's/pam_unix\.so/& nodelay/' /etc/pam.d/common-auth # a wrong password is refused at once, and not after two seconds
echo made
while :; do sleep 3600 & wait "$!" || :; done # the first process: it takes in those whose parents have ended
