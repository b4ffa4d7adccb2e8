"""tools/races.py leaves out what a library without ThreadSanitizer does to memory, and nothing that our code does."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import races  # noqa: E402

DELETE = "operator delete(void*) ../../../../src/libsanitizer/tsan/tsan_new_delete.cpp:150 (libtsan.so.2+0x86c3d)"
COPY = "memcpy ../../../../src/libsanitizer/sanitizer_common/sanitizer_common_interceptors.inc:819 (libtsan.so.2+0x5dda6)"
APPEND = "std::string::_M_append(char const*, unsigned long) <null> (libstdc++.so.6+0x141632)"
ROCKS = "rocksdb::Version::Unref() <null> (librocksdb.so.7.8+0x543106)"
ZSTD = "<null> <null> (libzstd.so.1+0x6007)"
GET = "waybill::store::LivingTables::get(waybill::store::Table) const ../../src/store/living.cc:104 (waybill+0x43d44f)"
READ = "read_into ../../src/store/rocks/file_system.cc:37 (store_tests+0x11aa32)"


def stack(*frames):
    return "".join(f"    #{number} {frame}\n" for number, frame in enumerate(frames)) or "    [failed to restore the stack]\n"


def report(one, other, memory=("operator new(unsigned long) tsan_new_delete.cpp:64 (libtsan.so.2+0x87323)", GET)):
    return (races.SEPARATOR + "WARNING: ThreadSanitizer: data race (pid=17403)\n"
            "  Write of size 8 at 0x7b8400006750 by thread T2 (mutexes: write M840057171730237248):\n" + stack(*one) +
            "\n  Previous read of size 1 at 0x7b8400006750 by main thread:\n" + stack(*other) +
            "\n  Location is heap block of size 56 at 0x7b1000005900 allocated by main thread:\n" + stack(*memory) +
            "\n  Thread T2 'rocksdb:low' (tid=17409, running) created by main thread at:\n" + stack(DELETE, ROCKS, GET) +
            "\nSUMMARY: ThreadSanitizer: data race file.cc:150 in function\n" + races.SEPARATOR)


def count(*reports):
    return len(races.that_count("".join(reports) + "ThreadSanitizer: reported 1 warnings\n"))


def test_a_race_of_ours_counts():
    assert count(report([GET], [GET])) == 1
    assert count(report([DELETE, GET], [COPY, GET])) == 1
    assert count(report([COPY, APPEND, GET], [GET])) == 1


def test_our_code_counts_though_a_library_calls_it():
    assert count(report([READ, ROCKS], [COPY, READ, ROCKS])) == 1
    assert count(report([COPY, READ, ROCKS], [])) == 1


def test_what_a_library_does_to_memory_does_not_count():
    assert count(report([DELETE, ROCKS], [GET])) == 0
    assert count(report([GET], [COPY, ROCKS, GET])) == 0
    assert count(report([COPY, ZSTD], [COPY, ZSTD, GET])) == 0
    assert count(report([COPY, APPEND, ROCKS], [GET])) == 0


def test_a_thread_without_a_frame_of_ours_is_a_librarys():
    assert count(report([COPY, APPEND], [GET])) == 0


def test_what_cannot_be_told_counts_unless_the_memory_is_a_librarys():
    assert count(report([GET], [])) == 1
    assert count(report([GET], [], [DELETE, ROCKS, GET])) == 0


def test_other_libraries_count():
    assert count(report([COPY, "SSL_read <null> (libssl.so.3+0x6007)"], [GET])) == 1


def test_other_reports_count():
    for said in ("WARNING: ThreadSanitizer: lock-order-inversion (potential deadlock)", "FATAL: ThreadSanitizer: no memory"):
        assert count(races.SEPARATOR + said + "\n" + stack(COPY, ROCKS) + races.SEPARATOR) == 1


def test_each_race_is_one():
    assert count(report([GET], [GET]), report([DELETE, ROCKS], [GET]), report([GET], [GET])) == 2
    assert count() == 0
