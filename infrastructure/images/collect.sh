#!/bin/sh
# Makes a directory that is all an image of one program needs: the program, the libraries that it loads, the roots of
# certificates, a user, and its settings file, empty, so that the environment can say everything.
#
#   infrastructure/images/collect.sh target/release/proxy /image
set -eu

program=${1:?expected a program}
image=${2:?expected the directory to make}
name=$(basename "$program")
roots=/etc/ssl/certs/ca-certificates.crt

[ -x "$program" ] || { echo "collect.sh: $program is no program" >&2 && exit 64; }
[ -s "$roots" ] || { echo "collect.sh: $roots is not there: install ca-certificates" >&2 && exit 64; }

mkdir -p "$image/usr/bin" "$image/etc/ssl/certs" "$image/etc/switchyard" "$image/tmp" "$image/run/switchyard" \
    "$image/var/lib/switchyard" "$image/var/cache/switchyard"
strip -o "$image/usr/bin/$name" "$program"
chmod 755 "$image/usr/bin/$name"

# "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)", and the loader by its path alone.
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$image$(dirname "$library")"
    cp -L "$library" "$image$library"
done

cp -L "$roots" "$image/etc/ssl/certs/"
echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
echo 'switchyard:x:65532:65532::/nonexistent:/sbin/nologin' >"$image/etc/passwd"
echo 'switchyard:x:65532:' >"$image/etc/group"
echo "# Nothing is set here: SWITCHYARD_... variables do, or a file of your own over this one." \
    >"$image/etc/switchyard/$name.toml"
chown -R 65532:65532 "$image/tmp" "$image/run/switchyard" "$image/var/lib/switchyard" "$image/var/cache/switchyard"
