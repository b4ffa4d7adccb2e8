# Every library that is not ours, named once, with why it is there. Most are Debian 12 packages: their version and
# checksum are pinned by the distribution's signed release; tools/packages.txt is the list that script/install installs.
# The last four, which Debian does not have, are fetched with their checksums.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Boost 1.81 (BSL-1.0): Asio for sockets and the event loop, Beast for HTTP/1.1 parsing. Header only here.
find_package(Boost 1.81 REQUIRED)
add_library(boost_headers INTERFACE)
target_link_libraries(boost_headers INTERFACE Boost::headers Threads::Threads)
# No std::allocator recycling beyond the thread, no deprecated API.
target_compile_definitions(boost_headers INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION
                                                   BOOST_BEAST_SEPARATE_COMPILATION)


# simdjson 3.0 (Apache-2.0): strict JSON in, at memory speed.
pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET simdjson)
# RapidJSON 1.1 (MIT): JSON out; streaming writer, shortest round-trip numbers.
find_path(RAPIDJSON_INCLUDE rapidjson/writer.h REQUIRED)
# RocksDB 7.8 (Apache-2.0 or GPL-2): the hot store on one machine.
find_library(ROCKSDB rocksdb REQUIRED)
# ISA-L 2.30 (BSD-3): CRC32C with carry-less multiplication, chosen at run time.
find_library(ISAL isal REQUIRED)
# xxHash 0.8 (BSD-2): XXH3 for identities and sums. Used header only.
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
# spdlog 1.10, fmt 9.1 (MIT): log lines.
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
# libsystemd 252 (LGPL-2.1, linked dynamically): sd_notify and its watchdog; does nothing where systemd did not start us.
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
# prometheus-cpp 1.0 (MIT): counters, histograms, text format. Only its core: our own server answers /metrics.
find_package(prometheus-cpp REQUIRED)
# OpenSSL 3.0 (Apache-2.0): TLS on the server's sockets, keys of tokens, SHA-256 of what S3 gets. libjwt 1.10 (MPL-2.0): JSON Web Tokens, made and checked.
pkg_check_modules(libjwt REQUIRED IMPORTED_TARGET libjwt)
find_package(OpenSSL 3.0 REQUIRED)
# libsodium 1.0.18 (ISC): argon2id for passwords, random secrets, base64url, signatures of webhooks, hashes of erased names,
# phones' encrypted messages.
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
# zlib 1.2.13 (Zlib), zstd 1.5.4 (BSD-3): Content-Encoding, .gz files.
find_package(ZLIB REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
# libcsv 3.0 (LGPL-2.1, linked dynamically): RFC 4180 with quotes and line breaks inside fields.
find_library(CSV csv REQUIRED)
# pugixml 1.13 (MIT): GPX in, the answers of S3.
find_package(pugixml REQUIRED)
# S2 0.10 (Apache-2.0): cells of the earth; what is near each other has near numbers.
find_library(S2 s2 REQUIRED)
# libcurl 7.88 (curl): the HTTP client of simulate and replay; requests to webhooks and, signed by it, to S3.
find_package(CURL REQUIRED)
# libpq 15 (PostgreSQL): tables of PostgreSQL as a source of the lake. Its own protocol, TLS and logins; linked with a shared object that is
# loaded when such a source is read.
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
add_library(postgres INTERFACE)
target_link_libraries(postgres INTERFACE PkgConfig::libpq)
# librdkafka 2.0 (BSD-2): Kafka's protocol, its idempotent producer and TLS. libmosquitto 2.0 (EPL-2.0 or EDL-1.0): MQTT 5 and 3.1.1. Each is
# linked with a shared object that is loaded when such a broker is asked for.
pkg_check_modules(rdkafka REQUIRED IMPORTED_TARGET rdkafka)
add_library(kafka INTERFACE)
target_link_libraries(kafka INTERFACE PkgConfig::rdkafka)
pkg_check_modules(libmosquitto REQUIRED IMPORTED_TARGET libmosquitto)
add_library(mqtt INTERFACE)
target_link_libraries(mqtt INTERFACE PkgConfig::libmosquitto)
# libqrencode 4.1 (LGPL-2.1, linked dynamically): the QR codes that a phone's app is set up with.
pkg_check_modules(qrencode REQUIRED IMPORTED_TARGET libqrencode)
# libmongoc 1.23 (Apache-2.0): MongoDB's protocol, its servers found and watched, TLS and logins; linked with a shared object that is loaded
# when the store is there.
pkg_check_modules(libmongoc REQUIRED IMPORTED_TARGET libmongoc-1.0)
add_library(mongo INTERFACE)
target_link_libraries(mongo INTERFACE PkgConfig::libmongoc)
# CLI11 2.1 (BSD-3): flags and help. toml++ 3.3 (MIT): the configuration file.
find_package(CLI11 REQUIRED)
find_path(TOMLPP_INCLUDE toml++/toml.h REQUIRED)
# GoogleTest 1.12 (BSD-3): tests only.
if(WAYBILL_TESTS)
  find_package(GTest REQUIRED)
endif()

include(fetch)
# DuckDB 1.5.5 (MIT): SQL over what is kept in Parquet. The library comes as an npm package, its header as a source package of PyPI; 1.5.5
# is the newest whose extensions PyPI has as well.
fetch(DUCKDB npm @duckdb/node-bindings-linux-x64@1.5.5-r.5 86d2bda909785550e8a14a57a8a4584827aff0e268d8f1a58c3fd48559f7020e
      package/libduckdb.so package/LICENSE)
fetch(DUCKDB_SOURCE sdist duckdb==1.5.5 72f33ee57ca7595b23957671a2cc7f7fe2be0ecc2d68f63abedcfcaa3a5c1238
      duckdb-1.5.5/external/duckdb/src/include/duckdb.h)
fetched_library(duckdb ${DUCKDB}/package/libduckdb.so ${DUCKDB_SOURCE}/duckdb-1.5.5/external/duckdb/src/include)
# Arrow 26.0.1 (Apache-2.0): writes Parquet, an encoding chosen for each column, in a fourth of the time and a thirtieth of the memory that
# DuckDB takes for it. Its C++ libraries and headers are in the wheel of pyarrow.
fetch(ARROW wheel pyarrow==26.0.1 39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c
      pyarrow/libarrow.so.2600 pyarrow/libparquet.so.2600 pyarrow/include/arrow/* pyarrow/include/parquet/*
      pyarrow-26.0.1.dist-info/licenses/*)
fetched_library(arrow ${ARROW}/pyarrow/libarrow.so.2600 ${ARROW}/pyarrow/include)
fetched_library(parquet ${ARROW}/pyarrow/libparquet.so.2600 ${ARROW}/pyarrow/include)
target_link_libraries(parquet INTERFACE arrow)
# MapLibre GL JS 5.24 (BSD-3): the map of the pages, in a browser's WebGL. Its build for a strict content security policy; not 6, which is
# a fifth larger. PMTiles 4.5 (BSD-3): reads tiles out of one file. Both are part of the binary, packed: nobody's browser asks another host.
# libdeflate-tools 1.14 (MIT) packs them at build time, 3 % smaller than gzip does.
fetch(MAPLIBRE npm maplibre-gl@5.24.1 b84d7fdf7fba5922fd3fff9a92733936c7a03b99165afc6c84f41c311bdbfa9d
      package/dist/maplibre-gl-csp.js package/dist/maplibre-gl-csp-worker.js package/LICENSE.txt)
fetch(PMTILES npm pmtiles@4.5.0 23ae7c575578ad24cd579377d69c46550631da219e6f179997ec2cf3b8c937e5 package/dist/pmtiles.js package/package.json)
