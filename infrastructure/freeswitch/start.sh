#!/bin/sh
# Starts FreeSWITCH in the foreground with the configuration beside this file: log on standard output, SIGTERM ends it.
# Every setting is an environment variable; docs/freeswitch.md explains them, conf/vars.xml has their defaults.
#
#   FREESWITCH_DIRECTORY=/var/lib/switchyard/freeswitch infrastructure/freeswitch/start.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=${FREESWITCH_DIRECTORY:-/var/lib/switchyard/freeswitch}
binary=${SWITCHYARD_FREESWITCH:-freeswitch}

refuse() {
    echo "start.sh: $*" >&2
    exit 64
}

newline='
'

# check NAME PATTERN EXPECTED: values end up in XML, and FreeSWITCH takes what it cannot read for 0.
check() {
    eval "value=\${$1-}"
    if [ -z "$value" ]; then
        unset "$1" # An empty one would take the place of the default.
        return
    fi
    # As one line: grep would be content with any line that fits.
    printf '%s' "$value" | tr '\n' '~' | grep -Eqx -- "$2" || refuse "$1 is \"$value\", expected $3"
}

# Text that may hold nearly anything, as it must stand in an attribute.
escape() {
    eval "value=\${$1-}"
    # shellcheck disable=SC2016 # FreeSWITCH is to get no variable either.
    case $value in
    '') unset "$1" && return ;;
    *"$newline"*) refuse "$1 has more than one line" ;;
    *'${'*) refuse "$1 has a \${ in it, which FreeSWITCH would change" ;;
    esac
    value=$(printf '%s' "$value" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g')
    export "$1=$value"
}

byte='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
ipv4="$byte(\.$byte){3}"
network="$ipv4/(3[0-2]|[12]?[0-9])"
port='(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})'
number='[1-9][0-9]{0,6}'

check FREESWITCH_IP "auto|$ipv4" 'an IPv4 address of this machine, or auto'
check FREESWITCH_SIP_ALLOW "$network(,$network)*" 'networks such as 10.0.0.0/16,10.1.0.0/16'
check FREESWITCH_NAT_GATEWAY_IP "$ipv4" 'an IPv4 address'
check FREESWITCH_NAT_INSTANCE_IP "$ipv4" 'an IPv4 address'
for name in NAT_GATEWAY UAS_NAT_INSTANCE UAC_NAT_INSTANCE INTERNAL RTP_FIRST RTP_LAST ESL; do
    check "FREESWITCH_${name}_PORT" "$port" 'a port'
done
for name in MAX_SESSIONS SESSIONS_PER_SECOND TAKE_WITHIN SESSION_EXPIRES RTP_TIMEOUT RTP_HOLD_TIMEOUT \
    CDR_RETRIES CDR_DELAY; do
    check "FREESWITCH_$name" "$number" 'a number from 1 to 9999999'
done
check FREESWITCH_CODECS '[A-Za-z0-9]+(,[A-Za-z0-9]+)*' 'codecs such as PCMU,PCMA,G722'
check FREESWITCH_INBAND_DTMF 'on|off' 'on or off'
check FREESWITCH_LOG_FORMAT 'text|json' 'text or json'
check FREESWITCH_LOG_LEVEL 'debug|info|notice|warning|err|crit|alert' \
    'debug, info, notice, warning, err, crit or alert'
[ "${FREESWITCH_RTP_FIRST_PORT:-16384}" -lt "${FREESWITCH_RTP_LAST_PORT:-32766}" ] ||
    refuse 'FREESWITCH_RTP_FIRST_PORT is not below FREESWITCH_RTP_LAST_PORT'

umask 077
mkdir -p "$directory/log/cdr-not-sent" "$directory/db" "$directory/run" "$directory/temp" ||
    refuse "$directory cannot be made: set FREESWITCH_DIRECTORY"

# A controller that is not told the password finds it in this file. One that was made up is kept: a controller goes on
# with it when FreeSWITCH alone is started again.
password_file=$directory/run/esl-password
if [ -z "${FREESWITCH_ESL_PASSWORD-}" ] && [ -s "$password_file" ]; then
    FREESWITCH_ESL_PASSWORD=$(cat "$password_file")
elif [ -z "${FREESWITCH_ESL_PASSWORD-}" ]; then
    FREESWITCH_ESL_PASSWORD=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
fi
as_it_is=$FREESWITCH_ESL_PASSWORD
escape FREESWITCH_ESL_PASSWORD
printf '%s\n' "$as_it_is" >"$password_file"
export FREESWITCH_ESL_PASSWORD

# What follows from others.
FREESWITCH_LOG_JSON=false
[ "${FREESWITCH_LOG_FORMAT-}" != json ] || FREESWITCH_LOG_JSON=true
case ,${FREESWITCH_CODECS-}, in
*,G729,*) FREESWITCH_G729=on ;;
*) FREESWITCH_G729=off ;;
esac
export FREESWITCH_LOG_JSON FREESWITCH_G729

escape FREESWITCH_CDR_URL
escape FREESWITCH_CDR_CREDENTIALS
FREESWITCH_CDR=off
[ -z "${FREESWITCH_CDR_URL-}" ] || FREESWITCH_CDR=on
export FREESWITCH_CDR

# FreeSWITCH fills a buffer before it writes to anything but a terminal: the log would be minutes late.
line_buffered=
! command -v stdbuf >/dev/null || line_buffered='stdbuf -oL'

# -nonat: no search for a home router. -nf: stays in the foreground; without -nc, so that there is a log on standard output.
# shellcheck disable=SC2086 # Two words, or none.
exec $line_buffered "$binary" -nf -nonat -conf "$here/conf" \
    -log "$directory/log" -db "$directory/db" -run "$directory/run" -temp "$directory/temp" </dev/null
