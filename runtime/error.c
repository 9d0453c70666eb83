// Texts for the results of NAME_run and its kin.
#include "sqz.h"

const char *sqz_error_string(int result) {
    switch (result) {
    case SQZ_OK:
        return "success";
    case SQZ_EARGUMENT:
        return "an argument is null, misaligned, of another size or ABI than the model's, or a dimension that it does "
               "not take";
    case SQZ_EWORKSPACE:
        return "the workspace is null, not aligned to 64 bytes, or too small";
    case SQZ_ERANGE:
        return "an index in the input data is out of range, or numbers in it do not give the declared shape";
    case SQZ_ECPU:
        return "this CPU lacks instructions that the model was compiled for";
    default:
        return "unknown error";
    }
}
