/* Says hello and leaves: hello exit=N */
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/memory.h"
#include "lib/serial.h"

_Noreturn void guest_main(void)
{
	print("hello from godwit guest, %lu MiB, cmdline: %s\n", (ram_bytes + (1 << 20) - 1) >> 20, command_line);
	guest_exit((u32)option_number("exit", 0));
}
