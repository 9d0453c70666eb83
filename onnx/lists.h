// Builders of operators on sequences and optionals, rows of the table in decompose.c.
#ifndef ONNX_LISTS_H
#define ONNX_LISTS_H

#include "onnx/draft.h"

bool takes_lists(const char *op);  // whether an operator may have an input that is no tensor

bool make_concat_from_sequence(Importer *im, Draft *d);
bool make_identity(Importer *im, Draft *d);
bool make_optional(Importer *im, Draft *d);
bool make_optional_get_element(Importer *im, Draft *d);
bool make_optional_has_element(Importer *im, Draft *d);
bool make_sequence_at(Importer *im, Draft *d);
bool make_sequence_construct(Importer *im, Draft *d);
bool make_sequence_empty(Importer *im, Draft *d);
bool make_sequence_erase(Importer *im, Draft *d);
bool make_sequence_insert(Importer *im, Draft *d);
bool make_sequence_length(Importer *im, Draft *d);
bool make_sequence_map(Importer *im, Draft *d);
bool make_split_to_sequence(Importer *im, Draft *d);

#endif
