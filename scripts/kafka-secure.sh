# shellcheck shell=bash
# A broker that can be reached with TLS and SASL too, for tests of security: three listeners beside the plain one.
#
# All of it lies in the folder "secure" of the instance: "listeners" with the addresses (ssl, sasl_ssl, sasl_plaintext) and the folder of the
# certificates. ca.pem is the authority; broker.pem is for localhost alone, so that 127.0.0.1 is a wrong host name; client.pem is what
# the listener ssl asks for; stranger-ca.pem and stranger.pem are of an authority that the broker does not know. The user is alice with
# the password alice-secret by every mechanism. Sessions by SCRAM-SHA-512 on sasl_plaintext last two seconds.

readonly SECURE_PROTOCOLS=SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
readonly SECURE_USER=alice
readonly SECURE_PASSWORD=alice-secret

is_secure() { [[ -d $1/secure ]]; }

# Before the first start: the users are part of the formatted data.
make_secure() {
    local dir=$1
    if is_secure "$dir"; then
        return
    fi
    [[ ! -s $dir/data.id ]] || die "Kafka ($KAFKA_INSTANCE) has data without users: ./dev kafka down --purge, or another KAFKA_INSTANCE"
    need_packages openssl:openssl
    rm -rf "$dir/secure.part"
    mkdir -p "$dir/secure.part"
    (
        cd "$dir/secure.part" || exit
        umask 077
        make_authority ca
        make_certificate broker ca DNS:localhost
        make_certificate client ca DNS:client
        make_authority stranger-ca
        make_certificate stranger stranger-ca DNS:client
    ) >"$dir/console.log" 2>&1 || { tail -n 20 "$dir/console.log" >&2 && die "no certificates could be made, see above"; }
    # Other ports than those of a plain broker.
    rm -f "$dir/ports"
    mv "$dir/secure.part" "$dir/secure"
}

# make_authority NAME: NAME.key and NAME.pem.
make_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 3650 -subj "/CN=$1" \
        -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign
}

# make_certificate NAME AUTHORITY ALTERNATIVE_NAME: NAME.pem, with the private key and the chain, as Kafka reads it.
make_certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 3650 -out "$1.crt" \
        -extfile <(printf 'subjectAltName=%s\nbasicConstraints=CA:false\n' "$3")
    cat "$1.key" "$1.crt" "$2.pem" >"$1.pem"
}

# secure_listeners SSL_PORT SASL_SSL_PORT SASL_PLAINTEXT_PORT
secure_listeners() {
    printf 'SSL://127.0.0.1:%s,SASL_SSL://127.0.0.1:%s,SASL_PLAINTEXT://127.0.0.1:%s' "$@"
}

# Options of Kafka's StorageTool, one a line.
secure_users() {
    local mechanism
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
        printf '%s\n' --add-scram "$mechanism=[name=$SECURE_USER,password=$SECURE_PASSWORD]"
    done
}

# write_secure_config DIR PORTS...: what a secure broker has beyond the others.
write_secure_config() {
    local dir=$1 listener security=org.apache.kafka.common.security
    shift
    {
        cat <<PROPERTIES

ssl.keystore.type=PEM
ssl.keystore.location=$dir/secure/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/secure/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-512.connections.max.reauth.ms=2000
# Wrong passwords are tried on purpose.
connection.failed.authentication.delay.ms=10
# Large answers are made of large group metadata.
message.max.bytes=10485760
PROPERTIES
        for listener in sasl_ssl sasl_plaintext; do
            cat <<PROPERTIES
listener.name.$listener.plain.sasl.jaas.config=$security.plain.PlainLoginModule required user_$SECURE_USER="$SECURE_PASSWORD";
listener.name.$listener.scram-sha-256.sasl.jaas.config=$security.scram.ScramLoginModule required;
listener.name.$listener.scram-sha-512.sasl.jaas.config=$security.scram.ScramLoginModule required;
PROPERTIES
        done
    } >>"$dir/server.properties"
    printf 'ssl=localhost:%s\nsasl_ssl=localhost:%s\nsasl_plaintext=localhost:%s\n' "$@" >"$dir/secure/listeners"
    printf 'certificates=%s\n' "$dir/secure" >>"$dir/secure/listeners"
}
