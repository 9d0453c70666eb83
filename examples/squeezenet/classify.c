// Says what is on a photo: classify PHOTO.ppm...
//
// squeezenet.o and squeezenet.h are what `sqzc squeezenet.onnx -o squeezenet.o` wrote; there is no other library.
// The network was trained with Caffe: it wants a 227x227 crop of a photo scaled to 256x256, as three planes in the
// order blue, green, red, with the mean of the training photos subtracted.
#define _POSIX_C_SOURCE 200112L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "class_names.h"
#include "squeezenet.h"

enum { SCALED = 256, CROP = 227, CLASSES = SQUEEZENET_SOFTMAXOUT_COUNT, RUNS = 15, SHOWN = 5 };

typedef struct Photo {
    int width, height;
    unsigned char *rgb; // height x width x 3
} Photo;

static int photo_read(const char *path, Photo *photo)
{
    FILE *file = fopen(path, "rb");
    int depth;
    if (!file)
        return 0;
    photo->rgb = NULL;
    if (fscanf(file, "P6 %d %d %d", &photo->width, &photo->height, &depth) == 3 && fgetc(file) != EOF && depth == 255 &&
        photo->width > 0 && photo->height > 0 && photo->width < 20000 && photo->height < 20000) {
        size_t bytes = (size_t)photo->width * (size_t)photo->height * 3;
        photo->rgb = malloc(bytes);
        if (photo->rgb && fread(photo->rgb, 1, bytes, file) != bytes) {
            free(photo->rgb);
            photo->rgb = NULL;
        }
    }
    fclose(file);
    return photo->rgb != NULL;
}

// Scales `lines` lines of `from` RGB pixels to `to` pixels with a triangle filter, which also averages when it shrinks.
// `step` and `line` are the distances, in bytes, between pixels and lines; the target has the same order of axes.
static void scale_axis(const unsigned char *in, int from, size_t in_step, size_t in_line, unsigned char *out, int to,
                       size_t out_step, size_t out_line, int lines)
{
    double ratio = (double)from / to, reach = ratio > 1 ? ratio : 1;
    for (int i = 0; i < to; i++) {
        double center = (i + 0.5) * ratio;
        int first = (int)fmax(center - reach + 0.5, 0), last = (int)fmin(center + reach + 0.5, from);
        for (int j = 0; j < lines * 3; j++) {
            const unsigned char *source = in + (size_t)(j / 3) * in_line + (size_t)(j % 3);
            double sum = 0, total = 0;
            for (int k = first; k < last; k++) {
                double weight = fmax(1 - fabs((k + 0.5 - center) / reach), 0);
                sum += weight * source[(size_t)k * in_step];
                total += weight;
            }
            out[(size_t)(j / 3) * out_line + (size_t)(j % 3) + (size_t)i * out_step] =
                (unsigned char)(sum / total + 0.5);
        }
    }
}

// The photo as the network wants it. Returns 0 when memory is short.
static int photo_prepare(const Photo *photo, float *data)
{
    static const float mean_bgr[3] = {104, 117, 123};
    static unsigned char scaled[SCALED * SCALED * 3];
    size_t narrow_line = SCALED * 3, line = (size_t)photo->width * 3;
    unsigned char *narrow = malloc((size_t)photo->height * narrow_line);
    int edge = (SCALED - CROP) / 2;
    if (!narrow)
        return 0;
    scale_axis(photo->rgb, photo->width, 3, line, narrow, SCALED, 3, narrow_line, photo->height);
    scale_axis(narrow, photo->height, narrow_line, 3, scaled, SCALED, narrow_line, 3, SCALED);
    free(narrow);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < CROP; y++)
            for (int x = 0; x < CROP; x++)
                *data++ = (float)scaled[((y + edge) * SCALED + x + edge) * 3 + 2 - c] - mean_bgr[c];
    return 1;
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_best(const float *probability)
{
    char shown[CLASSES] = {0};
    for (int rank = 0; rank < SHOWN; rank++) {
        int best = -1;
        for (int i = 0; i < CLASSES; i++)
            if (!shown[i] && (best < 0 || probability[i] > probability[best]))
                best = i;
        shown[best] = 1;
        printf("  %.3f  %s\n", (double)probability[best], class_names[best]);
    }
}

static int classify(const char *path, void *workspace)
{
    static float data[SQUEEZENET_DATA_COUNT], probability[CLASSES];
    double times[RUNS];
    Photo photo;
    int ready = photo_read(path, &photo);
    if (ready) {
        ready = photo_prepare(&photo, data);
        free(photo.rgb);
    }
    if (!ready) {
        fprintf(stderr, "%s: not a readable PPM photo\n", path);
        return 0;
    }
    for (int i = 0; i < RUNS; i++) {
        double start = milliseconds();
        int result = squeezenet_run(data, probability, workspace);
        times[i] = milliseconds() - start;
        if (result != 0) {
            fprintf(stderr, "%s: the network returned error %d\n", path, result);
            return 0;
        }
    }
    qsort(times, RUNS, sizeof times[0], compare_times);
    printf("%s (%.2f ms)\n", path, times[RUNS / 2]);
    print_best(probability);
    return 1;
}

int main(int argc, char **argv)
{
    void *workspace;
    int good = argc > 1;
    if (!good)
        fprintf(stderr, "usage: %s PHOTO.ppm...\n", argv[0]);
    if (posix_memalign(&workspace, SQUEEZENET_WORKSPACE_ALIGN, SQUEEZENET_WORKSPACE_SIZE) != 0) {
        fprintf(stderr, "%s: out of memory\n", argv[0]);
        return 1;
    }
    for (int i = 1; i < argc; i++)
        good &= classify(argv[i], workspace);
    free(workspace);
    return good ? 0 : 1;
}
