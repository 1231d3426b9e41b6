# Sourced by ./godwit and the scripts beside this file. Sets JDK to the home of a
# JDK of at least release 25, or JDK to nothing and JDK_LOOKED to where it looked.
# Reads each home's `release` file, which is much quicker than starting its java.

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
    done
    # What is on the PATH is usually a chain of links into the JDK.
    if java=$(command -v java) && java=$(readlink -f "$java"); then
        home=${java%/bin/java}
        _jdk_is_recent "$home" && JDK=$home && return
        JDK_LOOKED+=" $home"
    fi
    return 1
}
