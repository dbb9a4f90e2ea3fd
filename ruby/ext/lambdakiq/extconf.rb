# frozen_string_literal: true

# Builds the extension from its own ext_*.c and the core in src/, which CMake globs in the same way.
# Plain mkmf: whoever installs the gem needs a C compiler and three development packages, no cmake.

require 'mkmf'

PACKAGES = {
  'libcurl' => ['libcurl4-openssl-dev', 'libcurl-devel', 'curl-dev'],
  'libcrypto' => ['libssl-dev', 'openssl-devel', 'openssl-dev'],
  'jansson' => ['libjansson-dev', 'jansson-devel', 'jansson-dev']
}.freeze

def missing(what, name)
  debian, fedora, alpine = PACKAGES.fetch(name)
  abort <<~MESSAGE
    lambdakiq: #{what}. Install it and try again:
      Debian, Ubuntu               apt-get install pkg-config #{debian}
      Fedora, Amazon Linux 2023    dnf install pkgconf-pkg-config #{fedora}
      Alpine                       apk add pkgconf #{alpine}
  MESSAGE
end

def pkg_config_found?
  find_executable(ENV.fetch('PKG_CONFIG', 'pkg-config')) || find_executable('pkgconf')
end

missing('pkg-config, which finds the libraries, is missing', 'libcurl') unless pkg_config_found?

# A jansson archive made of position independent code goes into the extension: one library less to be
# found at run time, on Lambda above all. Others are linked dynamically.
def link_jansson_statically?
  directory = pkg_config('jansson', 'variable=libdir')
  archive = directory && File.join(directory.strip, 'libjansson.a')
  return false unless archive && File.exist?(archive)

  checking_for('a libjansson.a that can be linked into a shared object') { link_shared_with?(archive) }.tap do |found|
    # Hidden behind the extension: jansson of another library in the process stays apart.
    $LOCAL_LIBS << " #{archive} -Wl,--exclude-libs,libjansson.a" if found
  end
end

# All of it: some distributions' archives have only a few objects that are not position independent.
def link_shared_with?(archive)
  shared = "conftest.#{RbConfig::CONFIG['DLEXT']}"
  File.write(CONFTEST_C, "extern int lambdakiq_probe;\n")
  xsystem("#{RbConfig.expand(RbConfig::CONFIG['LDSHARED'].dup)} -fPIC -o #{shared} #{CONFTEST_C} " \
          "-Wl,--whole-archive #{archive} -Wl,--no-whole-archive -lc")
ensure
  rm_f([shared, CONFTEST_C])
end

pkg_config('libcurl') || missing('libcurl (7.68 or newer), which speaks HTTP, is missing', 'libcurl')
pkg_config('libcrypto') || missing('libcrypto (OpenSSL 1.1.1 or newer), which signs requests, is missing', 'libcrypto')
static = link_jansson_statically?
if static
  $INCFLAGS << " #{pkg_config('jansson', 'cflags-only-I')}".rstrip
else
  pkg_config('jansson') || missing('jansson, which reads JSON, is missing', 'jansson')
end

have_header('curl/curl.h') || missing("libcurl's headers are missing", 'libcurl')
have_header('openssl/evp.h') || missing("OpenSSL's headers are missing", 'libcrypto')
have_header('jansson.h') || missing("jansson's headers are missing", 'jansson')

$srcs = Dir["#{__dir__}/ext_*.c"] + Dir["#{__dir__}/src/*.c"]
$VPATH << '$(srcdir)/src'
$INCFLAGS << ' -I$(srcdir)/include -iquote $(srcdir)/src'
$CFLAGS << ' -std=c11 -D_GNU_SOURCE -fvisibility=hidden -MMD'
$warnflags = '-Wall -Wextra'

create_makefile('lambdakiq/lambdakiq')
# The compiler writes down which headers each object was made of (-MMD).
File.write('Makefile', "\n-include $(OBJS:.o=.d)\n", mode: 'a')
