/* Outputs that appear whole or not at all, complete reads, maps. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "scratch.h"

static int make_scratch(void **state) {
    *state = scratch_new();
    return 0;
}

static int drop_scratch(void **state) {
    scratch_delete(*state);
    return 0;
}

static mode_t mode_of(const char *path) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

/* ---- outputs ---- */

static void an_output_appears_at_its_commit(void **state) {
    char *path = elc_path_join(*state, "out");
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_output_write(&output, "hello ", 6), 0);
    assert_int_equal(elc_output_flush(&output), 0);
    assert_int_equal(elc_output_write(&output, "world", 5), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(elc_output_commit(&output), 0);
    scratch_expect(path, "hello world");
    elc_output_abandon(&output);
    scratch_expect(path, "hello world");
    assert_int_equal(scratch_count(*state), 1);
    free(path);
}

static void large_outputs_are_complete(void **state) {
    char *path = elc_path_join(*state, "out");
    struct elc_output output;
    enum { PIECE = 300 * 1024 };
    uint8_t *piece = malloc(PIECE);
    size_t total = 0;
    assert_int_equal(elc_output_open(&output, path), 0);
    for (size_t len = 1; len <= PIECE; len = len * 7 / 2 + 3) {
        memset(piece, (int)(len % 251), len);
        assert_int_equal(elc_output_write(&output, piece, len), 0);
        total += len;
    }
    assert_int_equal(elc_output_commit(&output), 0);
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    assert_true(map.mapped);
    assert_int_equal(map.len, total);
    const uint8_t *at = map.data;
    for (size_t len = 1; len <= PIECE; len = len * 7 / 2 + 3)
        for (size_t i = 0; i < len; i++)
            if (*at++ != len % 251)
                fail_msg("piece of %zu bytes is wrong at %zu", len, i);
    elc_map_close(&map);
    free(piece);
    free(path);
}

static void an_abandoned_output_leaves_what_was_there(void **state) {
    char *path = elc_path_join(*state, "out"), *absent = elc_path_join(*state, "absent");
    scratch_write(path, "old");
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_output_write(&output, "new", 3), 0);
    assert_int_equal(elc_output_flush(&output), 0);
    elc_output_abandon(&output);
    elc_output_abandon(&output);
    scratch_expect(path, "old");
    assert_int_equal(elc_output_open(&output, absent), 0);
    elc_output_abandon(&output);
    assert_int_equal(scratch_count(*state), 1);
    free(path);
    free(absent);
}

static void permissions_are_kept(void **state) {
    char *path = elc_path_join(*state, "out");
    struct elc_output output;
    mode_t before = umask(027);
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(elc_output_open(&output, path), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    assert_int_equal(mode_of(path), 0604);
    umask(before);
    free(path);
}

static void a_symbolic_link_goes_on_leading_where_it_led(void **state) {
    char *path = elc_path_join(*state, "out"), *link = elc_path_join(*state, "link");
    scratch_write(path, "old");
    assert_int_equal(symlink("out", link), 0);
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, link), 0);
    assert_int_equal(elc_output_write(&output, "new", 3), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    struct stat status;
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    scratch_expect(path, "new");
    assert_int_equal(scratch_count(*state), 2);
    free(path);
    free(link);
}

/* Replacing /dev/fd/N by a file would be a disaster as root. */
static void a_descriptor_is_written_in_place(void **state) {
    char *path = elc_path_join(*state, "out");
    scratch_write(path, "before ");
    int fd = open(path, O_WRONLY | O_APPEND);
    char name[32];
    (void)snprintf(name, sizeof name, "/dev/fd/%d", fd);
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, name), 0);
    assert_int_equal(elc_output_write(&output, "after", 5), 0);
    assert_int_equal(elc_output_commit(&output), 0);
    close(fd);
    scratch_expect(path, "before after");
    assert_int_equal(scratch_count(*state), 1);
    free(path);
}

static void a_fifo_is_written_in_place(void **state) {
    char *path = elc_path_join(*state, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct elc_output output;
        int err = elc_output_open(&output, path);
        if (!err)
            err = elc_output_write(&output, "through the pipe", 16);
        if (!err)
            err = elc_output_commit(&output);
        _exit(err ? 1 : 0);
    }
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    assert_false(map.mapped);
    assert_int_equal(map.len, 16);
    assert_memory_equal(map.data, "through the pipe", 16);
    elc_map_close(&map);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct stat present;
    assert_int_equal(stat(path, &present), 0);
    assert_true(S_ISFIFO(present.st_mode));
    assert_int_equal(scratch_count(*state), 1);
    free(path);
}

static void a_full_disk_is_reported(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, "/dev/full"), 0);
    assert_int_equal(elc_output_write(&output, "x", 1), 0);
    assert_int_equal(elc_output_commit(&output), ELC_EIO);
    assert_string_equal(elc_error(), "/dev/full: No space left on device");
    elc_output_abandon(&output);
}

static void places_where_nothing_can_be_written_are_named(void **state) {
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, *state), ELC_EIO);
    assert_non_null(strstr(elc_error(), "Is a directory"));
    char *path = elc_path_join(*state, "no/such/directory");
    assert_int_equal(elc_output_open(&output, path), ELC_EIO);
    assert_non_null(strstr(elc_error(), path));
    elc_output_abandon(&output);
    assert_int_equal(scratch_count(*state), 0);
    free(path);
}

static void too_many_outputs_are_an_error(void **state) {
    struct elc_output outputs[12];
    int n = 0, err = 0;
    while (n < 12 && !err) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", n);
        char *path = elc_path_join(*state, name);
        err = elc_output_open(&outputs[n++], path);
        outputs[n - 1].name = "out";
        free(path);
    }
    assert_int_equal(err, ELC_ELIMIT);
    for (int i = 0; i < n; i++)
        elc_output_abandon(&outputs[i]);
    assert_int_equal(scratch_count(*state), 0);
}

static void a_signal_takes_the_temporary_file_along(void **state) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    char *path = elc_path_join(*state, "out"), *other = elc_path_join(*state, "other");
    scratch_write(path, "old");
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct elc_output output, second;
            if (elc_output_open(&output, path) || elc_output_open(&second, other) ||
                elc_output_write(&output, "new", 3) || elc_output_flush(&output))
                _exit(1);
            raise(signals[i]);
            _exit(2);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signals[i]);
        scratch_expect(path, "old");
        assert_int_equal(scratch_count(*state), 1);
    }
    free(path);
    free(other);
}

static volatile sig_atomic_t caught;

static void catch (int signal_number) {
    caught = signal_number;
}

static void a_handler_of_the_program_is_left_alone(void **state) {
    char *path = elc_path_join(*state, "out");
    struct sigaction action = {.sa_handler = catch}, before;
    assert_int_equal(sigaction(SIGTERM, &action, &before), 0);
    struct elc_output output;
    assert_int_equal(elc_output_open(&output, path), 0);
    raise(SIGTERM);
    assert_int_equal(caught, SIGTERM);
    assert_int_equal(elc_output_commit(&output), 0);
    scratch_expect(path, "");
    sigaction(SIGTERM, &before, NULL);
    free(path);
}

static void a_closed_pipe_ends_the_process_by_sigpipe(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]); /* before the child can write */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGPIPE, SIG_IGN); /* as some parents leave it */
        dup2(ends[1], STDOUT_FILENO);
        struct elc_output output;
        if (elc_output_open(&output, NULL) || elc_output_write(&output, "x", 1))
            _exit(1);
        _exit(elc_output_commit(&output) ? 2 : 3);
    }
    close(ends[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGPIPE);
}

/* ---- inputs ---- */

enum { TOTAL = 700001 };

/* A child that writes TOTAL bytes in pieces of 1 to 997 bytes; the end to read from. */
static int start_dripping(pid_t *child) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *child = fork();
    assert_true(*child >= 0);
    if (*child > 0) {
        close(ends[1]);
        return ends[0];
    }
    close(ends[0]);
    uint8_t piece[997];
    for (size_t done = 0, len; done < TOTAL; done += len) {
        len = done * 31 % sizeof piece + 1;
        if (len > TOTAL - done)
            len = TOTAL - done;
        for (size_t i = 0; i < len; i++)
            piece[i] = (uint8_t)((done + i) % 253);
        if (write(ends[1], piece, len) != (ssize_t)len)
            _exit(1);
    }
    _exit(0);
}

static void expect_dripped(const uint8_t *bytes, size_t len, pid_t child) {
    assert_int_equal(len, TOTAL);
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != i % 253)
            fail_msg("wrong at %zu", i);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void reads_are_complete(void **state) {
    (void)state;
    pid_t child;
    struct elc_input input = {start_dripping(&child), "pipe"};
    uint8_t *bytes = malloc(TOTAL + 100);
    size_t done = 0;
    for (size_t want = 1; done < TOTAL; want = want * 5 + 1) {
        if (want > TOTAL + 100 - done)
            want = TOTAL + 100 - done;
        long long got = elc_input_read(&input, bytes + done, want);
        assert_true(got == (long long)want || done + (size_t)got == TOTAL);
        done += (size_t)got;
    }
    assert_int_equal(elc_input_read(&input, bytes, 1), 0);
    expect_dripped(bytes, done, child);
    elc_input_close(&input);
    elc_input_close(&input);
    free(bytes);
}

static void pipes_are_mapped_by_copying(void **state) {
    (void)state;
    pid_t child;
    int fd = start_dripping(&child);
    struct elc_map map;
    assert_int_equal(elc_map_fd(&map, fd, "pipe"), 0);
    assert_false(map.mapped);
    expect_dripped(map.data, map.len, child);
    elc_map_close(&map);
    elc_map_close(&map);
    close(fd);

    struct elc_input input = {start_dripping(&child), "pipe"};
    assert_int_equal(elc_map_input(&map, &input), 0);
    assert_true(map.mapped); /* the spool */
    elc_input_close(&input);
    expect_dripped(map.data, map.len, child);
    elc_map_close(&map);
}

static void an_address_tells_what_is_mapped_there(void **state) {
    char *path = elc_path_join(*state, "file"), *real = realpath(*state, NULL), name[256], cut[4];
    struct elc_map map;
    scratch_write(path, "text");
    assert_int_equal(elc_map_open(&map, path), 0);
    if (access("/proc/self/maps", R_OK) != 0)
        skip();
    assert_true(elc_mapped_name(name, sizeof name, map.data + 3));
    assert_int_equal(strncmp(name, real, strlen(real)), 0);
    assert_string_equal(name + strlen(real), "/file");
    assert_true(elc_mapped_name(cut, sizeof cut, map.data));
    assert_int_equal(strncmp(cut, real, 3), 0);
    assert_int_equal(cut[3], '\0');
    assert_false(elc_mapped_name(name, sizeof name, name)); /* the stack */
    assert_false(elc_mapped_name(name, sizeof name, NULL));
    elc_map_close(&map);
    free(real);
    free(path);
}

static void an_input_that_was_begun_goes_on_from_there(void **state) {
    char *path = elc_path_join(*state, "in");
    scratch_write(path, "first line\nthe rest");
    struct elc_input input;
    assert_int_equal(elc_input_open(&input, path), 0);
    char line[11];
    assert_int_equal(elc_input_read(&input, line, sizeof line), sizeof line);
    struct elc_map map;
    assert_int_equal(elc_map_input(&map, &input), 0);
    assert_int_equal(map.len, 8);
    assert_memory_equal(map.data, "the rest", 8);
    elc_map_close(&map);
    elc_input_close(&input);
    free(path);
}

static void empty_files_are_mapped_too(void **state) {
    char *path = elc_path_join(*state, "in");
    scratch_write(path, "");
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    assert_int_equal(map.len, 0);
    elc_map_close(&map);
    struct elc_input input;
    assert_int_equal(elc_input_open(&input, path), 0);
    assert_int_equal(elc_map_input(&map, &input), 0);
    assert_int_equal(map.len, 0);
    elc_map_close(&map);
    elc_input_close(&input);
    free(path);
}

static void files_of_unknown_size_are_read_whole(void **state) {
    (void)state;
    struct elc_map map; /* stat says 0 bytes */
    if (access("/proc/self/status", R_OK) != 0)
        skip();
    assert_int_equal(elc_map_open(&map, "/proc/self/status"), 0);
    assert_true(map.len > 100);
    elc_map_close(&map);
}

static void what_cannot_be_read_is_named(void **state) {
    struct elc_input input;
    struct elc_map map;
    char *path = elc_path_join(*state, "absent");
    assert_int_equal(elc_input_open(&input, path), ELC_EIO);
    assert_non_null(strstr(elc_error(), path));
    assert_non_null(strstr(elc_error(), "No such file"));
    assert_int_equal(elc_map_open(&map, path), ELC_EIO);
    assert_int_equal(elc_input_open(&input, *state), ELC_EIO);
    assert_non_null(strstr(elc_error(), "Is a directory"));
    free(path);
}

static void waiting_is_seen_beforehand(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct elc_input input = {ends[0], "pipe"};
    assert_true(elc_input_would_block(&input));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_false(elc_input_would_block(&input));
    char byte;
    assert_int_equal(elc_input_read_some(&input, &byte, 1), 1);
    assert_true(elc_input_would_block(&input));
    close(ends[1]);
    assert_false(elc_input_would_block(&input)); /* the end does not wait */
    assert_int_equal(elc_input_read_some(&input, &byte, 1), 0);
    elc_input_close(&input);
}

static volatile sig_atomic_t told_to_stop;

static void stop(int signal_number) {
    told_to_stop = signal_number;
}

/* Without restarting the read, and without missing a signal that comes before it. */
static void waiting_ends_when_told_to(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    struct elc_input input = {ends[0], "pipe", &told_to_stop};
    char byte;
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(elc_input_read_some(&input, &byte, 1), 1);
    alarm(1);
    assert_int_equal(elc_input_read(&input, &byte, 1), ELC_ESTOPPED);
    assert_string_equal(elc_error(), "pipe: told to stop");
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(elc_input_read_some(&input, &byte, 1), ELC_ESTOPPED);
    told_to_stop = 0;
    assert_int_equal(elc_input_read_some(&input, &byte, 1), 1);
    close(ends[1]);
    assert_int_equal(elc_input_read_some(&input, &byte, 1), 0); /* the end is no reason to wait */
    sigaction(SIGALRM, &before, NULL);
    elc_input_close(&input);
}

/* ---- the rest ---- */

static void files_are_replaced_in_place(void **state) {
    char *path = elc_path_join(*state, "file");
    assert_int_equal(elc_file_write(path, "longer text", 11), 0);
    assert_int_equal(elc_file_write(path, "short", 5), 0);
    scratch_expect(path, "short");
    assert_int_equal(elc_fsync_directory(*state), 0);
    assert_int_equal(elc_fsync_directory(path), ELC_EIO);
    char *inner = elc_path_join(path, "inner");
    assert_int_equal(elc_file_write(inner, "x", 1), ELC_EIO);
    free(inner);
    free(path);
}

static void spools_have_no_name(void **state) {
    assert_int_equal(setenv("TMPDIR", *state, 1), 0);
    int fd;
    assert_int_equal(elc_spool_open(&fd), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(scratch_count(*state), 0);
    close(fd);
    assert_int_equal(setenv("TMPDIR", "/no/such/directory", 1), 0);
    assert_int_equal(elc_spool_open(&fd), ELC_EIO);
    assert_non_null(strstr(elc_error(), "TMPDIR"));
    unsetenv("TMPDIR");
}

static void paths_are_joined_by_one_slash(void **state) {
    (void)state;
    const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = elc_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        free(path);
    }
}

static void what_is_there_is_seen(void **state) {
    char *path = elc_path_join(*state, "file"), name[5000];
    assert_false(elc_path_exists(*state, "file"));
    scratch_write(path, "text");
    assert_true(elc_path_exists(*state, "file"));
    assert_true(elc_path_exists("/", "tmp"));
    assert_false(elc_path_exists(path, "file")); /* that is no directory */
    memset(name, '/', sizeof name);
    strcpy(name + sizeof name - 5, "file");
    assert_false(elc_path_exists(*state, name)); /* a longer path than there are */
    free(path);
}

#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, drop_scratch)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(an_output_appears_at_its_commit),
        WITH_SCRATCH(large_outputs_are_complete),
        WITH_SCRATCH(an_abandoned_output_leaves_what_was_there),
        WITH_SCRATCH(permissions_are_kept),
        WITH_SCRATCH(a_symbolic_link_goes_on_leading_where_it_led),
        WITH_SCRATCH(a_descriptor_is_written_in_place),
        WITH_SCRATCH(a_fifo_is_written_in_place),
        WITH_SCRATCH(a_full_disk_is_reported),
        WITH_SCRATCH(places_where_nothing_can_be_written_are_named),
        WITH_SCRATCH(too_many_outputs_are_an_error),
        WITH_SCRATCH(a_signal_takes_the_temporary_file_along),
        WITH_SCRATCH(a_handler_of_the_program_is_left_alone),
        cmocka_unit_test(a_closed_pipe_ends_the_process_by_sigpipe),
        cmocka_unit_test(reads_are_complete),
        cmocka_unit_test(pipes_are_mapped_by_copying),
        WITH_SCRATCH(an_address_tells_what_is_mapped_there),
        WITH_SCRATCH(an_input_that_was_begun_goes_on_from_there),
        WITH_SCRATCH(empty_files_are_mapped_too),
        cmocka_unit_test(files_of_unknown_size_are_read_whole),
        WITH_SCRATCH(what_cannot_be_read_is_named),
        cmocka_unit_test(waiting_is_seen_beforehand),
        cmocka_unit_test(waiting_ends_when_told_to),
        WITH_SCRATCH(files_are_replaced_in_place),
        WITH_SCRATCH(spools_have_no_name),
        cmocka_unit_test(paths_are_joined_by_one_slash),
        WITH_SCRATCH(what_is_there_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
