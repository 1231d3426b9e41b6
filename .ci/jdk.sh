# shellcheck shell=bash disable=SC2034
# Sourced by ./godwit and the scripts beside this file. find_jdk sets JDK to the home of a
# JDK of release 25 or newer; if there is none, JDK_LOOKED is where it looked. It reads the
# `release` file in each home, which is much quicker than starting its java. GODWIT_JDK is
# the user's choice: if it is set, nothing else is tried.

JDK_MIN=25

_jdk_is_recent() { # HOME
    [[ -x $1/bin/java && -r $1/release ]] || return 1
    local line
    while IFS= read -r line; do
        if [[ $line =~ ^JAVA_VERSION=\"?([0-9]+) ]]; then
            ((BASH_REMATCH[1] >= JDK_MIN))
            return
        fi
    done <"$1/release"
    return 1
}

find_jdk() {
    local home java
    JDK='' JDK_LOOKED=''
    for home in "${GODWIT_JDK:-}" "${JAVA_HOME:-}" /usr/lib/jvm/*/; do
        home=${home%/}
        [[ $home ]] || continue
        _jdk_is_recent "$home" && JDK=$home && return
        JDK_LOOKED+=" $home"
        [[ $home != "${GODWIT_JDK:-}" ]] || return 1
    done
    # What is on the PATH is usually a chain of links into the JDK.
    if java=$(command -v java) && java=$(readlink -f "$java"); then
        home=${java%/bin/java}
        _jdk_is_recent "$home" && JDK=$home && return
        JDK_LOOKED+=" $home"
    fi
    return 1
}
