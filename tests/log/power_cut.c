/* What of a directory would survive a power cut: loaded into a process with LD_PRELOAD, it notes whatever is synced.

   POWER_CUT_ROOT    the directory, absolute
   POWER_CUT_SHADOW  where it notes: f-INODE is the content of a file at its last fsync, d-INODE the names in a directory at
                     its own ("INODE NAME" a line). What was never synced is in neither.

   The first descriptor of each file that was synced is kept open, so that no other file gets its inode number. */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ino_t known[MOST_FILES];
static int known_count;

static void hold(int fd, ino_t inode)
{
    for (int n = 0; n < known_count; n++)
        if (known[n] == inode)
            return;
    if (known_count < MOST_FILES && fcntl(fd, F_DUPFD_CLOEXEC, 1000) >= 0)
        known[known_count++] = inode;
}

static FILE *note(const char *shadow, char kind, ino_t inode, char *draft, char *name)
{
    snprintf(name, PATH_MAX, "%s/%c-%lu", shadow, kind, (unsigned long)inode);
    snprintf(draft, PATH_MAX, "%s.draft", name);
    return fopen(draft, "w");
}

static void note_file(int fd, FILE *out)
{
    static char buffer[1 << 16];
    off_t at = 0;
    ssize_t got;
    while ((got = pread(fd, buffer, sizeof buffer, at)) > 0) {
        fwrite(buffer, 1, (size_t)got, out);
        at += got;
    }
}

static void note_directory(const char *path, FILE *out)
{
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_type == DT_REG)
            fprintf(out, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    closedir(directory);
}

static int note_sync(int fd)
{
    const char *root = getenv("POWER_CUT_ROOT"), *shadow = getenv("POWER_CUT_SHADOW");
    char link[64], path[PATH_MAX], draft[PATH_MAX], name[PATH_MAX];
    struct stat found;
    if (!root || !shadow || fstat(fd, &found))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, root, strlen(root)))
        return 0;
    pthread_mutex_lock(&lock);
    FILE *out = note(shadow, S_ISDIR(found.st_mode) ? 'd' : 'f', found.st_ino, draft, name);
    if (out) {
        if (S_ISDIR(found.st_mode)) {
            note_directory(path, out);
        } else {
            hold(fd, found.st_ino);
            note_file(fd, out);
        }
        fclose(out);
        rename(draft, name);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return note_sync(fd); }

int fdatasync(int fd) { return note_sync(fd); }
