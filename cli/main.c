/* obsv: the command. Finds the subcommand and hands over; each subcommand parses its own options. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
    {"listen", obsv_cmd_listen, "receive OTLP/HTTP logs on this machine and print each record"},
    {"tail", obsv_cmd_tail, "make JSON log lines from stdin readable, pass other lines through"},
    {"config", obsv_cmd_config, "show every effective setting and where it came from"},
    {"help", cmd_help, "show this text, or the help of a command"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
    fputs("Usage: obsv COMMAND [OPTION...]\n\nStructured logging for trading services: tools for "
          "development.\n\n",
          to);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\nobsv COMMAND --help shows the options of a command, obsv --version the version.\n", to);
}

static int min3(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein distance; of names longer than the table only the beginning counts. */
static int distance(const char *a, const char *b)
{
    enum { MAX = 32 };
    int row[MAX + 1];
    int n = (int)strnlen(a, MAX), m = (int)strnlen(b, MAX);
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[m];
}

static const struct command *find(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int complain(const char *name)
{
    const struct command *nearest = &commands[0];
    for (int i = 1; i < COMMAND_COUNT; i++)
        if (distance(name, commands[i].name) < distance(name, nearest->name))
            nearest = &commands[i];
    fprintf(stderr, "obsv: there is no command '%s'", name);
    if (distance(name, nearest->name) <= 3)
        fprintf(stderr, "; did you mean '%s'?\n", nearest->name);
    else
        fputs("; 'obsv help' lists them\n", stderr);
    return OBSVI_EXIT_USAGE;
}

/* argp takes the program's name for its messages from argv[0]: "obsv listen". */
static int run(const struct command *command, int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof name, "obsv %s", command->name);
    argv[0] = name;
    return command->run(argc, argv);
}

static int cmd_help(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find(argv[1]) : NULL;
    if (argc > 1 && argv[1][0] != '-' && !command)
        return complain(argv[1]);
    if (command && command->run != cmd_help) {
        char *help[] = {NULL, (char[]){"--help"}, NULL};
        return run(command, 2, help);
    }
    print_help(stdout);
    return OBSVI_EXIT_OK;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = OBSVI_EXIT_USAGE;
    argp_program_version = "obsv " OBSV_VERSION_STRING;
    if (argc < 2) {
        print_help(stderr);
        return OBSVI_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "-?") == 0)
        return cmd_help(1, argv);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts(argp_program_version);
        return OBSVI_EXIT_OK;
    }
    const struct command *command = find(argv[1]);
    return command ? run(command, argc - 1, argv + 1) : complain(argv[1]);
}
