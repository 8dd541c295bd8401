// ThreadSanitizer does not see that libuv closes its descriptors, and takes the next file of such a number
// for the loop that had it: a directory that a worker closes then races with a loop that is long gone.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions() { return "race:closedir\n"; }
