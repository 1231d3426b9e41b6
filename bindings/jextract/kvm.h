/* The headers that the kvm.gen bindings are made from. */
#include <linux/kvm.h>
#include <asm/kvm_para.h>
