package dev.godwit.host.state;

import java.util.Locale;
import java.util.Map;

/**
 * One bit of CPUID.
 *
 * @param function EAX of the question
 * @param index ECX of the question
 * @param register the register of the answer
 * @param bit 0 to 31
 */
record CpuFeature(int function, int index, Register register, int bit) {
    /** The registers of an answer. */
    enum Register {
        EAX,
        EBX,
        ECX,
        EDX;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Names as Linux spells them, from bit 0 upwards; {@code -} for none. */
    private static final Map<String, String[]> NAMES = Map.ofEntries(
            names(
                    "0x1.0 ecx",
                    "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca"
                            + " sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave osxsave avx f16c rdrand"
                            + " hypervisor"),
            names(
                    "0x1.0 edx",
                    "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi"
                            + " mmx fxsr sse sse2 ss ht tm ia64 pbe"),
            names(
                    "0x7.0 ebx",
                    "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f"
                        + " avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd"
                        + " sha_ni avx512bw avx512vl"),
            names(
                    "0x7.0 ecx",
                    "prefetchwt1 avx512vbmi umip pku ospke waitpkg avx512_vbmi2 shstk gfni vaes vpclmulqdq avx512_vnni"
                            + " avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid keylocker bus_lock_detect"
                            + " cldemote - movdiri movdir64b enqcmd sgx_lc pks"),
            names(
                    "0x7.0 edx",
                    "- - avx512_4vnniw avx512_4fmaps fsrm uintr - - avx512_vp2intersect srbds_ctrl md_clear"
                            + " rtm_always_abort - - serialize hybrid_cpu tsxldtrk - pconfig arch_lbr ibt - amx_bf16"
                            + " avx512_fp16 amx_tile amx_int8 spec_ctrl intel_stibp flush_l1d arch_capabilities"
                            + " core_capabilities spec_ctrl_ssbd"),
            names(
                    "0x7.1 eax",
                    "sha512 sm3 sm4 - avx_vnni avx512_bf16 lass cmpccxadd - - fzrm fsrs fsrc - - - - fred lkgs wrmsrns"
                            + " - amx_fp16 hreset avx_ifma - - lam"),
            names("0xd.1 eax", "xsaveopt xsavec xgetbv1 xsaves xfd"),
            names(
                    "0x80000001.0 ecx",
                    "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit"
                            + " wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc"
                            + " perfctr_llc mwaitx"),
            names(
                    "0x80000001.0 edx",
                    "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm"
                            + " 3dnowext 3dnow"),
            names(
                    "0x80000008.0 ebx",
                    "clzero irperf xsaveerptr - rdpru - - - - wbnoinvd - - amd_ibpb - amd_ibrs amd_stibp - - - - - - -"
                            + " - amd_ssbd virt_ssbd amd_ssb_no"),
            names(
                    "0x40000001.0 eax",
                    "kvmclock kvm_nopiodelay kvm_mmu kvmclock2 kvm_asyncpf kvm_steal_time kvm_pv_eoi kvm_pv_unhalt -"
                        + " kvm_pv_tlb_flush kvm_asyncpf_vmexit kvm_pv_ipi kvm_poll_control kvm_pv_sched_yield"
                        + " kvm_asyncpf_int kvm_msi_ext_dest_id kvm_hc_map_gpa_range kvm_migration_control - - - - - -"
                        + " kvmclock_stable"));

    private static Map.Entry<String, String[]> names(String register, String names) {
        return Map.entry(register, names.split(" "));
    }

    /** The feature's name, or where it stands: {@code cpuid 0x7.0 ebx bit 16}. */
    @Override
    public String toString() {
        String where = "0x" + Integer.toHexString(function) + "." + index + " " + register;
        String[] names = NAMES.get(where);
        return names != null && bit < names.length && !names[bit].equals("-")
                ? names[bit]
                : "cpuid " + where + " bit " + bit;
    }
}
