# frozen_string_literal: true

# Builds the extension from its own ext_*.c and the core in src/, which CMake globs in the same way.
# Plain mkmf: whoever installs the gem needs a C compiler and three development packages, no cmake.

require 'mkmf'

# How each library is found: its header, a function that its oldest usable version has, and the
# development packages of Debian, Fedora and Alpine.
Library = Struct.new(:package, :name, :header, :function, :why, :debian, :fedora, :alpine)
CURL = Library.new('libcurl', 'curl', 'curl/curl.h', 'curl_multi_wakeup',
                   'libcurl (7.68 or newer), which speaks HTTP',
                   'libcurl4-openssl-dev', 'libcurl-devel', 'curl-dev')
CRYPTO = Library.new('libcrypto', 'crypto', 'openssl/evp.h', 'EVP_MD_CTX_new',
                     'libcrypto (OpenSSL 1.1.1 or newer), which signs requests',
                     'libssl-dev', 'openssl-devel', 'openssl-dev')
JANSSON = Library.new('jansson', 'jansson', 'jansson.h', 'json_loadb',
                      'jansson, which reads JSON',
                      'libjansson-dev', 'jansson-devel', 'jansson-dev')

def missing(library)
  abort <<~MESSAGE
    lambdakiq: #{library.why}, is missing or lacks its headers. Install it and try again:
      Debian, Ubuntu               apt-get install #{library.debian}
      Fedora, Amazon Linux 2023    dnf install #{library.fedora}
      Alpine                       apk add #{library.alpine}
    In a place of its own: --with-#{library.name}-dir=DIRECTORY (bundle config build.lambdakiq …).
    What was tried stands in mkmf.log.
  MESSAGE
end

# pkg-config knows best where things are, but not everybody has it: without it the compiler's own
# paths and --with-NAME-dir are searched.
def find(library)
  given = dir_config(library.name).any?
  pkg_config(library.package) if !given && pkg_config?
  found = have_header(library.header) && have_library(library.name, library.function, library.header)
  missing(library) unless found
end

def pkg_config?
  find_executable(ENV.fetch('PKG_CONFIG', 'pkg-config'))
end

# A jansson archive made of position independent code goes into the extension: one library less to be
# found at run time, on Lambda above all. Others are linked dynamically.
def link_jansson_statically
  archive = jansson_archive or return
  return unless checking_for("whether #{archive} can be linked in") { link_shared_with?(archive) }

  $libs = $libs.gsub(/-ljansson\b/, '')
  $LOCAL_LIBS << " #{archive} #{HIDDEN}"
end

# Behind the extension: jansson of another library in the process stays apart.
HIDDEN = '-Wl,--exclude-libs,libjansson.a'

# Beside the shared library that was found; `-print-file-name` gives the bare name when there is none.
def jansson_archive
  directories = $LIBPATH.map { |path| RbConfig.expand(path.dup) }
  search = directories.map { |path| "-L#{path}" }.join(' ')
  compiler = RbConfig.expand(RbConfig::CONFIG['CC'].dup)
  found = directories.map { |path| File.join(path, 'libjansson.a') } +
          [`#{compiler} #{search} -print-file-name=libjansson.a`.strip]
  found.find { |path| path.include?('/') && File.exist?(path) }
end

# All of it: some distributions' archives have only a few objects that are not position independent.
def link_shared_with?(archive)
  shared = "conftest.#{RbConfig::CONFIG['DLEXT']}"
  File.write(CONFTEST_C, "extern int lambdakiq_probe;\n")
  xsystem("#{RbConfig.expand(RbConfig::CONFIG['LDSHARED'].dup)} -fPIC -o #{shared} #{CONFTEST_C} " \
          "#{HIDDEN} -Wl,--whole-archive #{archive} -Wl,--no-whole-archive -lc")
ensure
  rm_f([shared, CONFTEST_C])
end

[CURL, CRYPTO, JANSSON].each { |library| find(library) }
link_jansson_statically

$srcs = Dir["#{__dir__}/ext_*.c"] + Dir["#{__dir__}/src/*.c"]
$VPATH << '$(srcdir)/src'
$INCFLAGS << ' -I$(srcdir)/include -iquote $(srcdir)/src'
$CFLAGS << ' -std=c11 -D_GNU_SOURCE -fvisibility=hidden -MMD'
$warnflags = '-Wall -Wextra'

create_makefile('lambdakiq/lambdakiq')
# The compiler writes down which headers each object was made of (-MMD).
File.write('Makefile', "\n-include $(OBJS:.o=.d)\n", mode: 'a')
