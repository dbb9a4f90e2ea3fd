/* SPDX-License-Identifier: MIT
 *
 * time: clocks, random bytes, and the dates AWS writes, of base.h.
 *
 * Times are epoch milliseconds in an int64_t. Dates are computed here and not by gmtime/timegm:
 * those take a lock and read the time zone, and one date is formatted for each request.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { MS_PER_S = 1000, S_PER_DAY = 86400, ENTROPY_LIMIT = 256 };

/* 0000-01-01: before it a four-digit year cannot name a date, as after LK_TIME_LAST_MS. */
static const int64_t first_ms = INT64_C(-62167219200000);

/* --- Clocks --------------------------------------------------------------------------------- */

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now = {0, 0};
    clock_gettime(id, &now); /* cannot fail for these ids */
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / 1000000;
}

int64_t lk_wall_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t lk_mono_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

int64_t lk_clock_offset_ms(void)
{
    const char *path = lk_getenv("LAMBDAKIQ_CLOCK_FILE");
    if (!path)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    char text[32];
    ssize_t len;
    do {
        len = read(fd, text, sizeof(text));
    } while (len < 0 && errno == EINTR);
    close(fd);
    int64_t offset = 0;
    if (len <= 0 || !lk_slice_to_int64(lk_slice_trim((lk_slice){text, (size_t)len}), &offset))
        return 0;
    return offset;
}

static int64_t env_wall_ms(void *ctx LK_UNUSED)
{
    return lk_wall_ms();
}

static int64_t env_clock_ms(void *ctx LK_UNUSED)
{
    int64_t now = lk_wall_ms();
    int64_t moved;
    return __builtin_add_overflow(now, lk_clock_offset_ms(), &moved) ? now : moved;
}

static int64_t env_mono_ms(void *ctx LK_UNUSED)
{
    return lk_mono_ms();
}

static bool env_random(void *ctx LK_UNUSED, void *out, size_t len)
{
    return lk_random_bytes(out, len);
}

const lk_env lk_env_default = {
    .wall_ms = env_wall_ms,
    .clock_ms = env_clock_ms,
    .mono_ms = env_mono_ms,
    .random = env_random,
};

int64_t lk_now_ms(void)
{
    return lk_env_default.clock_ms(lk_env_default.ctx);
}

/* --- Random --------------------------------------------------------------------------------- */

bool lk_random_bytes(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        size_t chunk = LK_MIN(len, (size_t)ENTROPY_LIMIT);
        if (getentropy(at, chunk) != 0)
            return false;
        at += chunk;
        len -= chunk;
    }
    return true;
}

/* For a kernel without entropy: unpredictable it is not, but different in each process, thread and
 * call, which is what an id needs. (Two jobs with one id are one job to a FIFO queue.) */
static void fallback_bytes(unsigned char *out, size_t len)
{
    struct timespec wall = {0, 0};
    struct timespec mono = {0, 0};
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    uint64_t state = (uint64_t)wall.tv_sec << 30 ^ (uint64_t)wall.tv_nsec;
    state ^= (uint64_t)getpid() << 40 ^ (uint64_t)mono.tv_nsec << 20;
    state += (uint64_t)(uintptr_t)out << 8; /* each thread has its own stack */
    for (size_t i = 0; i < len; i++) {
        /* splitmix64 */
        state += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        out[i] = (unsigned char)(z >> 56);
    }
}

void lk_uuid4(const lk_env *env, char out[37])
{
    unsigned char bytes[16];
    if (!env->random(env->ctx, bytes, sizeof(bytes)))
        fallback_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* RFC 4122 variant */
    static const size_t group_bytes[] = {4, 2, 2, 2, 6};
    const unsigned char *from = bytes;
    for (size_t i = 0; i < LK_COUNT(group_bytes); i++) {
        lk_hex(from, group_bytes[i], out);
        from += group_bytes[i];
        out += 2 * group_bytes[i];
        *out++ = '-'; /* lk_hex's NUL becomes the dash, the last dash the NUL */
    }
    out[-1] = '\0';
}

/* --- Dates ---------------------------------------------------------------------------------- */

typedef struct date_parts {
    int64_t year;
    int64_t month; /* 1..12 */
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t ms;
} date_parts;

static bool is_leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap_year(year));
}

/* Days from 0000-01-01 to year-01-01 in the proleptic Gregorian calendar. */
static int64_t days_before_year(int64_t year)
{
    if (year == 0)
        return 0;
    int64_t past = year - 1; /* year 0 is a leap year, hence + 1 */
    return year * 365 + past / 4 - past / 100 + past / 400 + 1;
}

/* epoch_ms must be within first_ms..LK_TIME_LAST_MS. */
static date_parts date_from_ms(int64_t epoch_ms)
{
    int64_t ms = epoch_ms - first_ms; /* since year 0, so never negative */
    int64_t seconds = ms / MS_PER_S;
    int64_t day = seconds / S_PER_DAY;
    int64_t rest = seconds % S_PER_DAY;
    date_parts p = {.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60};
    p.ms = ms % MS_PER_S;
    p.year = day * 400 / 146097; /* 400 years have 146097 days; at most one year off */
    p.year += days_before_year(p.year + 1) <= day;
    p.year -= days_before_year(p.year) > day;
    day -= days_before_year(p.year);
    for (p.month = 1; day >= days_in_month(p.year, p.month); p.month++)
        day -= days_in_month(p.year, p.month);
    p.day = day + 1;
    return p;
}

/* False when a part is out of range. Second 60 is a leap second: the next minute's first. */
static bool date_to_ms(const date_parts *p, int64_t *epoch_ms)
{
    if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > days_in_month(p->year, p->month))
        return false;
    if (p->hour > 23 || p->minute > 59 || p->second > 60)
        return false;
    int64_t day = days_before_year(p->year) + p->day - 1;
    for (int64_t month = 1; month < p->month; month++)
        day += days_in_month(p->year, month);
    int64_t seconds = day * S_PER_DAY + p->hour * 3600 + p->minute * 60 + p->second;
    *epoch_ms = seconds * MS_PER_S + p->ms + first_ms;
    return true;
}

static int64_t clamp_ms(int64_t epoch_ms)
{
    return LK_MAX(first_ms, LK_MIN(epoch_ms, LK_TIME_LAST_MS));
}

/* Writes value with exactly `digits` digits; returns the place behind them. */
static char *put_digits(char *out, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

void lk_time_format_amz(int64_t epoch_ms, char out[17])
{
    date_parts p = date_from_ms(clamp_ms(epoch_ms));
    out = put_digits(out, p.year * 10000 + p.month * 100 + p.day, 8);
    *out++ = 'T';
    out = put_digits(out, p.hour * 10000 + p.minute * 100 + p.second, 6);
    *out++ = 'Z';
    *out = '\0';
}

void lk_time_format_iso8601(int64_t epoch_ms, char out[25])
{
    date_parts p = date_from_ms(clamp_ms(epoch_ms));
    memcpy(out, "0000-00-00T00:00:00.000Z", 25);
    put_digits(out, p.year, 4);
    put_digits(out + 5, p.month, 2);
    put_digits(out + 8, p.day, 2);
    put_digits(out + 11, p.hour, 2);
    put_digits(out + 14, p.minute, 2);
    put_digits(out + 17, p.second, 2);
    put_digits(out + 20, p.ms, 3);
}

/* --- Parsing dates -------------------------------------------------------------------------- */

/* Takes exactly `digits` digits off the front of *s. */
static bool take_number(lk_slice *s, size_t digits, int64_t *value)
{
    if (s->len < digits)
        return false;
    int64_t sum = 0;
    for (size_t i = 0; i < digits; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9')
            return false;
        sum = sum * 10 + (s->ptr[i] - '0');
    }
    *value = sum;
    *s = (lk_slice){s->ptr + digits, s->len - digits};
    return true;
}

static bool take_text(lk_slice *s, lk_slice text)
{
    if (!lk_slice_has_prefix(*s, text))
        return false;
    *s = (lk_slice){s->ptr + text.len, s->len - text.len};
    return true;
}

static bool take_char(lk_slice *s, char c)
{
    return take_text(s, (lk_slice){&c, 1});
}

/* "HH:MM:SS" */
static bool take_clock(lk_slice *s, date_parts *p)
{
    return take_number(s, 2, &p->hour) && take_char(s, ':') && take_number(s, 2, &p->minute) &&
           take_char(s, ':') && take_number(s, 2, &p->second);
}

static bool take_name_of(lk_slice *s, const char *names, size_t count, int64_t *index)
{
    for (size_t i = 0; i < count; i++) {
        if (take_text(s, (lk_slice){names + 3 * i, 3})) {
            *index = (int64_t)i;
            return true;
        }
    }
    return false;
}

bool lk_time_parse_http(lk_slice text, int64_t *epoch_ms)
{
    date_parts p = {0};
    int64_t weekday;
    bool ok = take_name_of(&text, "SunMonTueWedThuFriSat", 7, &weekday) &&
              take_text(&text, LK_SLICE_LITERAL(", ")) && take_number(&text, 2, &p.day) &&
              take_char(&text, ' ') &&
              take_name_of(&text, "JanFebMarAprMayJunJulAugSepOctNovDec", 12, &p.month) &&
              take_char(&text, ' ') && take_number(&text, 4, &p.year) && take_char(&text, ' ') &&
              take_clock(&text, &p) && lk_slice_equal_str(text, " GMT");
    p.month++;
    return ok && date_to_ms(&p, epoch_ms);
}

/* ".123456789" to milliseconds (finer digits are dropped); a missing fraction is 0. */
static bool take_fraction(lk_slice *s, int64_t *ms)
{
    *ms = 0;
    if (!take_char(s, '.'))
        return true;
    int64_t weight = 100;
    int64_t digit;
    size_t count = 0;
    for (; take_number(s, 1, &digit); count++) {
        *ms += digit * weight;
        weight /= 10;
    }
    return count > 0;
}

/* "Z", "+02:00", "-0530" and "+02" to minutes east of Greenwich. */
static bool take_zone(lk_slice *s, int64_t *minutes_east)
{
    *minutes_east = 0;
    if (take_char(s, 'Z') || take_char(s, 'z'))
        return true;
    bool west = take_char(s, '-');
    int64_t hours;
    int64_t minutes = 0;
    if ((!west && !take_char(s, '+')) || !take_number(s, 2, &hours) || hours > 23)
        return false;
    if (s->len > 0) {
        take_char(s, ':');
        if (!take_number(s, 2, &minutes) || minutes > 59)
            return false;
    }
    *minutes_east = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

bool lk_time_parse_iso8601(lk_slice text, int64_t *epoch_ms)
{
    date_parts p = {0};
    int64_t minutes_east;
    int64_t local_ms;
    bool ok = take_number(&text, 4, &p.year) && take_char(&text, '-') &&
              take_number(&text, 2, &p.month) && take_char(&text, '-') &&
              take_number(&text, 2, &p.day) &&
              (take_char(&text, 'T') || take_char(&text, 't') || take_char(&text, ' ')) &&
              take_clock(&text, &p) && take_fraction(&text, &p.ms) &&
              take_zone(&text, &minutes_east) && text.len == 0;
    if (!ok || !date_to_ms(&p, &local_ms))
        return false;
    *epoch_ms = local_ms - minutes_east * 60 * MS_PER_S;
    return true;
}
