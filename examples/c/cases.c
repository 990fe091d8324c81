// Prints the core's answer to each line of a file: `cases cases.txt`.
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "plexus.h"

int main(int count, char **arguments) {
  if (count != 2) errx(2, "usage: cases cases.txt");
  FILE *file = fopen(arguments[1], "r");
  if (file == NULL) err(2, "%s", arguments[1]);
  if (plexus_start() != 2) errx(2, "the core speaks another ABI than 2");
  char *line = NULL;
  size_t room = 0;
  for (ssize_t size; (size = getline(&line, &room, file)) > 0;) {
    if (line[size - 1] == '\n') line[--size] = '\0'; // the last line may do without
    char *document = strchr(line, ' ');
    if (document == NULL) errx(2, "%s: this is not an operation and its document", line);
    *document++ = '\0'; // the end of the operation's name
    const uint8_t *answer;
    uint32_t length;
    int status = plexus_call(line, document, line + size - document, &answer, &length);
    if (status < 0) errx(2, "%s: there is no answer", line);
    printf("%d %.*s\n", status, (int)length, answer);
  }
  return 0;
}
