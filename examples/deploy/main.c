/* Reads some digits; prints how long each took and what came out. */
#include "digits.h"
#include "images.h"
#include "machine.h"

int program(void)
{
    static DIGITS_ALIGNED float result[DIGITS_RESULT_COUNT];
    static DIGITS_ALIGNED uint8_t workspace[DIGITS_WORKSPACE_SIZE];
    digits_status status = DIGITS_OK;
    for (size_t i = 0; (i < sizeof images / sizeof images[0]) && (status == DIGITS_OK); ++i) {
        const uint64_t start = now();
        status = digits_run(images[i], result, workspace, sizeof workspace);
        const uint64_t took = now() - start;
        put_bytes(&took, sizeof took);
        put_bytes(result, sizeof result);
    }
    return (int)status;
}
