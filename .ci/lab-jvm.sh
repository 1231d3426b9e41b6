# shellcheck shell=bash disable=SC2034
# Sourced by .ci/lab and lab-steps, which have to start Java alike for its cache to fit.

# Where everything is slow, the optimising compiler and parallel collectors cost more than they give.
jvm=(
    --enable-native-access=ALL-UNNAMED --add-opens=java.base/jdk.internal.misc=ALL-UNNAMED
    --sun-misc-unsafe-memory-access=allow -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
)

class_path() {
    local jars=(app/*.jar) IFS=:
    echo "${jars[*]}"
}
