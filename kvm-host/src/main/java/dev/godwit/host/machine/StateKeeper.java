package dev.godwit.host.machine;

import dev.godwit.host.device.Stateful;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.kvm.Vcpu;
import dev.godwit.host.kvm.Vm;
import dev.godwit.host.state.ChipState;
import dev.godwit.host.state.ClockState;
import dev.godwit.host.state.ElapsedTime;
import dev.godwit.host.state.MachineState;
import dev.godwit.host.state.Saved;
import dev.godwit.host.state.Section;
import dev.godwit.host.state.StateFormatException;
import dev.godwit.host.state.VcpuState;
import java.util.ArrayList;
import java.util.List;

/**
 * Saves and restores a machine part by part. The clock comes before the vCPUs, whose registers may fill the guest's clock
 * page from it; the vCPUs before the interrupt chips, which deliver what waits in them; and all before the devices, which
 * drive their interrupt lines again as they are restored.
 */
final class StateKeeper {
    private static final String CHIPS = "chips";
    private static final String CLOCK = "clock";
    private static final String VCPU = "vcpu-";

    private final List<Vcpu> vcpus;
    private final List<Stateful> devices;
    private final ChipState chips;
    private final ClockState clock;
    private final VcpuState vcpuState;

    StateKeeper(Kvm kvm, Vm vm, List<Vcpu> vcpus, List<Stateful> devices) {
        this.vcpus = List.copyOf(vcpus);
        this.devices = List.copyOf(devices);
        this.chips = new ChipState(vm);
        this.clock = new ClockState(vm);
        this.vcpuState = new VcpuState(kvm, vm);
    }

    SavedMachine save() {
        List<Section> sections = new ArrayList<>();
        List<String> notSaved = new ArrayList<>();
        add(CLOCK, ClockState.VERSION, clock.save(), sections, notSaved);
        for (Vcpu vcpu : vcpus) {
            add(VCPU + vcpu.id(), VcpuState.VERSION, vcpuState.save(vcpu), sections, notSaved);
        }
        add(CHIPS, ChipState.VERSION, chips.save(), sections, notSaved);
        for (Stateful device : devices) {
            sections.add(new Section(device.stateName(), device.stateVersion(), device.saveState()));
        }
        return new SavedMachine(new MachineState(sections), notSaved);
    }

    private static void add(String name, int version, Saved saved, List<Section> sections, List<String> notSaved) {
        sections.add(new Section(name, version, saved.section()));
        saved.notSaved().forEach(what -> notSaved.add(name + ": " + what));
    }

    /**
     * Restores all parts.
     *
     * @return what could not be restored, each by name
     * @throws StateFormatException when the state is not this machine's
     */
    List<String> restore(MachineState state, ElapsedTime elapsed) {
        int expected = 2 + vcpus.size() + devices.size();
        if (state.sections().size() != expected) {
            throw new StateFormatException(
                    "the state has " + state.sections().size() + " sections, this machine " + expected);
        }
        List<String> notRestored = new ArrayList<>();
        name(notRestored, CLOCK, clock.restore(data(state, CLOCK, ClockState.VERSION), elapsed));
        for (Vcpu vcpu : vcpus) {
            String name = VCPU + vcpu.id();
            name(notRestored, name, vcpuState.restore(vcpu, data(state, name, VcpuState.VERSION), elapsed));
        }
        chips.restore(data(state, CHIPS, ChipState.VERSION));
        for (Stateful device : devices) {
            Section section = state.get(device.stateName());
            device.restoreState(section.version(), section.data());
        }
        return notRestored;
    }

    private static byte[] data(MachineState state, String name, int version) {
        Section section = state.get(name);
        if (section.version() != version) {
            throw new StateFormatException(
                    "section " + name + " has version " + section.version() + "; this host knows " + version);
        }
        return section.data();
    }

    private static void name(List<String> notRestored, String part, List<String> missing) {
        missing.forEach(what -> notRestored.add(part + ": " + what));
    }
}
